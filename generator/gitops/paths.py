"""Which names may stand in a tree, a branch or a revision.

Owns: the refusal of anything that git, a shell or a file system could read as something else. Refuses: knowing
what a path is for. Sources: git's own `verify_path` and `check_refname_format`, and its advisories about `.git`
spelt for NTFS and HFS+.
"""

from __future__ import annotations

import re
import unicodedata

from generator.errors import InvalidInput

_HFS_IGNORED = dict.fromkeys((0x200C, 0x200D, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF))
_BRANCH_REFUSED = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|^[-./]|[/.]$|^@$|^HEAD$|^refs/")


def check_path(path: str) -> tuple[str, ...]:
    """The segments of a path relative to the repository's root. Raises InvalidInput for any other text."""
    if not path or path.startswith("/") or "\\" in path or has_control(path):
        raise InvalidInput(f"{path!r} is not a relative path of the repository")
    segments = tuple(path.split("/"))
    for segment in segments:
        plain = segment.translate(_HFS_IGNORED).lower().rstrip(". ")
        if not segment or segment in (".", "..") or plain in (".git", "git~1") or len(segment.encode()) > 255:
            raise InvalidInput(f"{path!r} cannot be a path of the repository: {segment!r} is not allowed in it")
    return segments


def check_branch(name: str) -> str:
    """The branch name itself. Raises InvalidInput where git, or an option parser, would take it for something else."""
    if not name or _BRANCH_REFUSED.search(name) or has_control(name) or len(name) > 200:
        raise InvalidInput(f"{name!r} cannot be the name of a branch", hint="use a name such as main or redeploy/llama")
    return name


def check_revision(rev: str) -> str:
    """The revision itself. Raises InvalidInput where it could be read as an option or as two lines."""
    if not rev or rev.startswith("-") or has_control(rev):
        raise InvalidInput(f"{rev!r} is not a revision", hint="give a commit, a branch or a tag")
    return rev


def has_control(text: str, allowed: str = "") -> bool:
    """Whether the text has control characters, line separators or lone surrogates beyond those allowed."""
    if text.isascii() and text.isprintable():
        return False
    return any(unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") and char not in allowed for char in text)
