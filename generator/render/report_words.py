"""The words that every report shares: verdicts, and values made safe to show on one line.

Owns: sentences about a difference and the neutralising of text that could steer a terminal. Refuses: layout.
"""

from __future__ import annotations

import json
from typing import Any

from generator.render.diff import EndpointDiff, FleetDiff
from generator.render.diff_intent import Intent
from generator.render.diff_objects import ObjectChange
from generator.render.impact import Impact
from generator.render.impact_workload import WORKLOADS

ABSENT = "–"
_BEFORE_DIFFERENCE = 24


def endpoint_title(diff: EndpointDiff) -> str:
    """`prod/chat r7 → r8`; a revision that is not known is left out."""
    revisions = [f"r{number}" for number in (diff.before_revision, diff.after_revision) if number is not None]
    name = printable(f"{diff.environment}/{diff.name}")
    return f"{name} {' → '.join(dict.fromkeys(revisions))}" if revisions else name


def endpoint_verdict(diff: EndpointDiff) -> str:
    """What changes, how many pods restart, and what GPUs that takes, in one sentence."""
    if not diff.changed:
        return "no change"
    what = intent_words(diff)
    if diff.restart_only:
        what = "restart only, no change of configuration"
    elif diff.primary is Intent.UNCHANGED:
        what = "no change of configuration"
    anew = "has to be made anew" if any(item.change is ObjectChange.REPLACED for item in diff.objects) else ""
    return "; ".join(part for part in (f"{what}: {_impact_words(diff.impact)}", anew, diff.impact.downtime) if part)


def intent_words(diff: EndpointDiff) -> str:
    """All intents, and what takes the place of what: `replaced (Deployment → InferenceService), routed`."""
    kinds = {
        change: [item.kind for item in diff.objects if item.change is change and item.kind in WORKLOADS]
        for change in (ObjectChange.DELETED, ObjectChange.CREATED)
    }
    old, new = (", ".join(found) for found in kinds.values())
    swap = f" ({old} → {new})" if old and new and old != new else ""
    return ", ".join(f"{intent}{swap if intent is Intent.REPLACED else ''}" for intent in diff.intents)


def fleet_verdict(fleet: FleetDiff) -> str:
    """The same for many endpoints, as if all rolled at once."""
    changed = len(fleet.changed)
    if not changed:
        return f"no change in {_count(len(fleet.endpoints), 'endpoint')}"
    words = f"{changed} of {_count(len(fleet.endpoints), 'endpoint')} changed, {len(fleet.restarting)} of them restart"
    return "; ".join(part for part in (f"{words}: {_impact_words(fleet.impact)}", fleet.impact.downtime) if part)


def _impact_words(impact: Impact) -> str:
    words = [_pod_words(impact)]
    if impact.gpus_before or impact.gpus_after:
        same = impact.gpus_before == impact.gpus_after
        numbers = f"{impact.gpus_after}" if same else f"{impact.gpus_before} → {impact.gpus_after}"
        words.append(f"GPUs {numbers}")
    if impact.gpus_extra > max(0, impact.gpus_after - impact.gpus_before):
        words.append(f"{impact.gpus_extra} more needed while they roll")
    elif impact.gpus_extra:
        words.append(f"{impact.gpus_extra} more needed")
    return ", ".join(words)


def _pod_words(impact: Impact) -> str:
    if impact.replicas_restarted:
        verb = "restarts" if impact.replicas_restarted == 1 else "restart"
        text = f"{_count(impact.replicas_restarted, 'pod')} {verb}"
        more = impact.replicas_after - impact.replicas_before
        return f"{text}, {abs(more)} {'added' if more > 0 else 'removed'}" if more else text
    if not impact.replicas_before or not impact.replicas_after:
        return f"pods {impact.replicas_before} → {impact.replicas_after}"
    return "no pod restarts"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def printable(text: str) -> str:
    """The text with whatever a terminal or a browser might act on (escapes, line ends, bidi marks) written out."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def _escape(character: str) -> str:
    known = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character)
    code = ord(character)
    return known or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}")


def value_text(value: Any) -> str:
    """One value on one line: text as it is, all else as JSON."""
    if value is None:
        return ABSENT
    if isinstance(value, str):
        return printable(value) if value else '""'
    return printable(json.dumps(value, ensure_ascii=False, default=str))


def pair_texts(old: Any, new: Any, limit: int) -> tuple[str, str]:
    """Both values, each at most `limit` characters long, cut so that their difference shows."""
    before, after = value_text(old), value_text(new)
    if before == after and None not in (old, new):  # "8" and 8: the difference is the type
        before, after = (printable(json.dumps(value, default=str)) for value in (old, new))
    if max(len(before), len(after)) <= limit:
        return before, after
    same = next(
        (place for place, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]),
        min(len(before), len(after)),
    )
    start = max(0, same - _BEFORE_DIFFERENCE) if same > limit // 2 else 0
    return clip(before, limit, start), clip(after, limit, start)


def clip(text: str, limit: int, start: int = 0) -> str:
    """At most `limit` characters from `start` on, with an ellipsis for what is cut off."""
    cut = f"…{text[start:]}" if start and start < len(text) else text
    return cut if len(cut) <= limit else f"{cut[: max(0, limit - 1)]}…"
