"""Command-line arguments of a container: merging revstamp's with people's, and keeping Kubernetes from expanding them.

Owns: `merge_arguments`, `escape_expansion`. Refuses: which arguments a server takes (`servers`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_EXPANDED = re.compile(r"\$\$+|\$(?=\()")


@dataclass(frozen=True, slots=True)
class Argument:
    """One flag with the words that belong to it, as they were given; `name` is its usual spelling."""

    name: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.words)


def escape_expansion(text: str) -> str:
    """The text that Kubernetes expands to this very text: `$(NAME)` stays as it is, and so does `$$`.

    Source: third_party/forked/golang/expansion of Kubernetes: `$$` becomes `$` anywhere, other dollars stay.
    """
    return _EXPANDED.sub(lambda dollars: dollars[0] * 2, text)


def merge_arguments(
    own: Iterable[str],
    image: Iterable[str],
    people: Iterable[str],
    aliases: Mapping[str, str],
    fixed: Mapping[str, str],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """All arguments, each flag once, and warnings. People's flags win over the image's, those over `own`.

    `fixed` are flags that nobody else may set, with the reason. Flags that only people give stay as often as given.
    """
    warnings: list[str] = []
    from_image = _drop_fixed(group_arguments(image, aliases), fixed, warnings)
    from_people = _drop_fixed(group_arguments(people, aliases), fixed, warnings)
    named = {argument.name: argument for argument in (*from_image, *from_people) if argument.name}
    kept_own: list[Argument] = []
    for argument in group_arguments(own, aliases):
        if argument.name in named:
            warnings.append(f"{named[argument.name]} replaces {argument}")
        else:
            kept_own.append(argument)
    by_people = {argument.name for argument in from_people if argument.name}
    kept_image = [argument for argument in from_image if argument.name not in by_people]
    words = [word for argument in kept_own for word in argument.words]
    theirs = [escape_expansion(word) for argument in (*kept_image, *from_people) for word in argument.words]
    return (*words, *theirs), tuple(warnings)


def group_arguments(words: Iterable[str], aliases: Mapping[str, str]) -> list[Argument]:
    """Flags with the values that follow them; `_` is `-` in a flag, as vLLM and SGLang have it."""
    grouped: list[Argument] = []
    for word in words:
        if _is_flag(word):
            name = word.split("=", 1)[0]
            spelled = name.replace("_", "-") if name.startswith("--") else name
            grouped.append(Argument(aliases.get(spelled, spelled), (word,)))
        elif grouped and grouped[-1].name and "=" not in grouped[-1].words[0]:
            grouped[-1] = Argument(grouped[-1].name, (*grouped[-1].words, word))
        else:
            grouped.append(Argument("", (word,)))
    return grouped


def _is_flag(word: str) -> bool:
    """Whether the word is a flag; negative numbers are values."""
    return len(word) > 1 and word[0] == "-" and not word[1].isdigit() and word[1] != "."


def _drop_fixed(grouped: list[Argument], fixed: Mapping[str, str], warnings: list[str]) -> list[Argument]:
    warnings.extend(f"{argument} is left out: {fixed[argument.name]}" for argument in grouped if argument.name in fixed)
    return [argument for argument in grouped if argument.name not in fixed]
