"""Log lines for people on a terminal, JSON for machines otherwise.

Owns: how a line looks. Refuses: what is logged, and secrets: only names, numbers and our own messages are handed in.
"""

from __future__ import annotations

import sys
from typing import Any, Literal, TextIO

import structlog

LogFormat = Literal["auto", "text", "json"]


def make_log(form: LogFormat = "auto", stream: TextIO | None = None) -> structlog.typing.FilteringBoundLogger:
    """A logger on standard error; `auto`: text on a terminal, one JSON object a line otherwise."""
    out = stream or sys.stderr
    as_text = form == "text" or (form == "auto" and bool(getattr(out, "isatty", lambda: False)()))
    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    if as_text:
        colors = bool(getattr(out, "isatty", lambda: False)())
        processors.append(structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=32))
    else:
        processors.append(structlog.processors.JSONRenderer(ensure_ascii=False))
    wrapper = structlog.make_filtering_bound_logger(20)
    log: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(out), processors=processors, wrapper_class=wrapper
    )
    return log
