"""Text from anywhere, made harmless in a forge's Markdown.

Owns: code spans and escaped prose for GitHub, GitLab and Forgejo. Refuses: layout. A value reaches a comment that runs
with the forge's own trust: it must not end its table cell, become markup, link, or call a person by an `@`.
"""

from __future__ import annotations

import re

from generator.render.report_words import printable

ZERO_WIDTH = "\u200b"
"""Put behind `@`, `#` and the colon of a link: forges look for mentions in the finished text, where neither a
backslash nor an entity is left to be seen."""

_BACKTICKS = re.compile(r"`+")
_MARKUP = re.compile(r"([\\`*_{}\[\]()|~!])")
_REFERENCE = re.compile(r"([@#]|:(?=//)|\bwww(?=\.))")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def code_span(text: str) -> str:
    """The text as code, fit for a table's cell.

    The fence is longer than any run of backticks inside. Pipes are escaped, which tables undo even in code; a pipe
    behind a backslash is the one thing that forges read differently, so a broken bar stands in for it.
    """
    text = printable(text).replace("\\|", "\\¦").replace("|", "\\|")
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text else "` `"


def escape_prose(text: str) -> str:
    """The text as prose on one line, without markup, HTML, mentions, references or links."""
    text = _REFERENCE.sub(rf"\1{ZERO_WIDTH}", printable(text))
    return _MARKUP.sub(r"\\\1", text).translate(_HTML)
