"""Trees as values, and the change of a few paths in a big tree.

Owns: the tree format, and rewriting only the trees along changed paths. Refuses: refs, commits, work trees.
The parser is our own because GitPython's checks each entry again with each read and write, which for folders of
hundreds of entries costs more than everything else of a commit together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from generator.errors import InvalidInput
from generator.gitops.paths import check_path

FILE, EXECUTABLE, FOLDER, SYMLINK, SUBMODULE = b"100644", b"100755", b"40000", b"120000", b"160000"


class Node(NamedTuple):
    """What a tree holds under one name: the mode as git writes it, and the id in binary."""

    mode: bytes
    binary_id: bytes


Tree = Mapping[str, Node]
"""Name to node, in git's order. Never changed once it is made: trees are shared through a cache."""


@dataclass(frozen=True, slots=True)
class TreeChange:
    """Files to write and paths to delete. A deleted folder goes with all below it; a write wins over a delete."""

    writes: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    deletes: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.writes or self.deletes)

    def merged(self, later: TreeChange) -> TreeChange:
        """This change and then the other one: the later word on a path counts."""
        kept = {path: data for path, data in self.writes.items() if not _is_below(path, later.deletes)}
        return TreeChange({**kept, **later.writes}, (self.deletes - later.writes.keys()) | later.deletes)


@dataclass(slots=True)
class _Step:
    """The change of one folder: what is removed, what is written, and which folders below change."""

    deletes: set[str] = field(default_factory=set)
    writes: dict[str, bytes] = field(default_factory=dict)
    below: dict[str, _Step] = field(default_factory=dict)

    @property
    def only_deletes(self) -> bool:
        """Whether nothing is written, here or further below."""
        return not self.writes and all(step.only_deletes for step in self.below.values())


class TreeWriter:
    """Applies a TreeChange to a tree. It is given how trees are read and how trees and blobs are written."""

    def __init__(
        self,
        read_tree: Callable[[str], Tree],
        write_tree: Callable[[Tree, bytes], str],
        write_blob: Callable[[bytes], str],
    ) -> None:
        self._read_tree = read_tree
        self._write_tree = write_tree
        self._write_blob = write_blob

    def apply(self, base: str | None, change: TreeChange) -> str:
        """The id of the changed tree; the very same id where nothing differs."""
        changed = self._apply_step(base, _plan_steps(change), "")
        return changed or self._write_tree({}, b"")

    def _apply_step(self, base: str | None, step: _Step, folder: str) -> str | None:
        before = self._read_tree(base) if base else {}
        after = (
            {name: node for name, node in before.items() if name not in step.deletes} if step.deletes else dict(before)
        )
        for name, below in step.below.items():
            self._change_folder(after, name, below, f"{folder}{name}")
        for name, data in step.writes.items():
            known = after.get(name)
            if known and known.mode == FOLDER:
                raise InvalidInput(f"{folder}{name} is a folder of the repository and cannot become a file")
            mode = known.mode if known and known.mode in (FILE, EXECUTABLE) else FILE
            after[name] = Node(mode, bytes.fromhex(self._write_blob(data)))
        if after == before:
            return base
        if _list_order(after) != _list_order(before):
            after = sort_tree(after)
        return self._write_tree(after, render_tree(after)) if after else None

    def _change_folder(self, entries: dict[str, Node], name: str, step: _Step, path: str) -> None:
        known = entries.get(name)
        if known and known.mode != FOLDER:
            if step.only_deletes:
                return  # there is nothing below it
            raise InvalidInput(f"{path} is a file or a link of the repository; nothing can be written below it")
        changed = self._apply_step(known.binary_id.hex() if known else None, step, f"{path}/")
        if changed is None:
            entries.pop(name, None)
        else:
            entries[name] = Node(FOLDER, bytes.fromhex(changed))


def parse_tree(data: bytes) -> dict[str, Node]:
    """The entries of a tree object. Names that are not UTF-8 survive as lone surrogates."""
    entries: dict[str, Node] = {}
    position, end = 0, len(data)
    find = data.index
    while position < end:
        space = find(b" ", position)
        nul = find(b"\0", space)
        name = data[space + 1 : nul].decode("utf-8", "surrogateescape")
        entries[name] = Node(data[position:space], data[nul + 1 : nul + 21])
        position = nul + 21
    return entries


def sort_tree(entries: Tree) -> dict[str, Node]:
    """The entries in git's order: by bytes, a folder as if its name ended in a slash."""

    def key(item: tuple[str, Node]) -> bytes:
        encoded = item[0].encode("utf-8", "surrogateescape")
        return encoded + b"/" if item[1].mode == FOLDER else encoded

    return dict(sorted(entries.items(), key=key))


def render_tree(entries: Tree) -> bytes:
    """The tree object of entries that are in git's order."""
    return b"".join(
        [b"%s %s\0%s" % (mode, name.encode("utf-8", "surrogateescape"), id_) for name, (mode, id_) in entries.items()]
    )


def _list_order(entries: Tree) -> list[tuple[str, bool]]:
    return [(name, node.mode == FOLDER) for name, node in entries.items()]


def _plan_steps(change: TreeChange) -> _Step:
    root = _Step()
    for path in change.deletes:
        *folders, name = check_path(path)
        _find_step(root, folders).deletes.add(name)
    for path, data in change.writes.items():
        *folders, name = check_path(path)
        _find_step(root, folders).writes[name] = data
    for path in change.writes:
        _refuse_file_above(root, path)
    return root


def _find_step(root: _Step, folders: list[str]) -> _Step:
    step = root
    for folder in folders:
        step = step.below.setdefault(folder, _Step())
    return step


def _refuse_file_above(root: _Step, path: str) -> None:
    step = root
    for folder in path.split("/")[:-1]:
        if folder in step.writes:
            raise InvalidInput(f"{path} cannot be written: a file is written in place of one of its folders")
        step = step.below[folder]


def _is_below(path: str, deletes: frozenset[str]) -> bool:
    segments = path.split("/")
    return any("/".join(segments[:count]) in deletes for count in range(1, len(segments) + 1))
