"""The page's words in the reader's language.

Owns: choosing a language by what the browser asks for, filling words in, durations. Refuses: the words (`english`,
`korean`). What the cluster, git or a rule says stays in its own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generator.page.english import ENGLISH
from generator.page.korean import KOREAN

LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "ko": KOREAN}
COOKIE = "revstamp_language"


def choose_language(accept: str, chosen: str = "") -> str:
    """The language that somebody chose, else the best of `Accept-Language` (RFC 9110, 12.5.4), else English."""
    if chosen in LANGUAGES:
        return chosen
    best, weight = "en", 0.0
    for part in accept.lower().split(",")[:20]:
        name, _, quality = part.strip().partition(";q=")
        try:
            own = float(quality) if quality else 1.0
        except ValueError:
            continue
        language = name.split("-")[0].strip()
        if language in LANGUAGES and own > weight:
            best, weight = language, own
    return best


@dataclass(frozen=True, slots=True)
class Words:
    """Words of one language."""

    language: str

    def __call__(self, key: str, **values: Any) -> str:
        """The words of a key, filled in. KeyError for a key that there is not: a test finds it."""
        return LANGUAGES[self.language][key].format(**values)

    def has(self, key: str) -> bool:
        """Whether there are words for a key."""
        return key in LANGUAGES[self.language]

    def duration(self, seconds: float | None) -> str:
        """A length of time in its two greatest units."""
        if seconds is None:
            return ""
        if seconds < 9.95:
            return self("time.seconds", count=f"{max(0.0, seconds):.1f}")
        whole = round(seconds)
        for unit, size, below in (("days", 86400, 3600), ("hours", 3600, 60), ("minutes", 60, 1)):
            if whole >= size:
                first, rest = self(f"time.{unit}", count=whole // size), whole % size // below
                smaller = {"days": "hours", "hours": "minutes", "minutes": "seconds"}[unit]
                return f"{first} {self(f'time.{smaller}', count=rest)}" if rest else first
        return self("time.seconds", count=whole)
