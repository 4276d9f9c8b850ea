"""Plain values in places whose names say that they are secret.

Owns: which names say so. Refuses: values: they are never quoted, since what is warned about must not be repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_WORD = re.compile(r"(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIALS?)(_|$)")
_PLACE = re.compile(r"_(FILE|PATH|DIR|URL|NAME)$")
_HARMLESS = re.compile(r"(?:true|false|[0-9]{1,5}|(?:/|file:).*)?", re.IGNORECASE | re.DOTALL)
"""Nothing, a switch, a count, or a file that holds the secret."""


def holds_plain_secret(name: str, value: str) -> bool:
    """Whether a variable or flag of this name should not have a plain value such as this one."""
    words = name.strip("-").replace("-", "_").upper()
    return bool(_WORD.search(words)) and not _PLACE.search(words) and _HARMLESS.fullmatch(value) is None


def find_secret_arguments(arguments: Sequence[str]) -> Iterator[str]:
    """The flags that have a secret as their value, as `--flag=value` or as `--flag value`."""
    for index, argument in enumerate(arguments):
        flag, given, value = argument.partition("=")
        if not flag.startswith("--"):
            continue
        following = arguments[index + 1] if index + 1 < len(arguments) else ""
        if holds_plain_secret(flag, value if given else "" if following.startswith("--") else following):
            yield flag
