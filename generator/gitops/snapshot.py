"""The tree of one commit, read by path.

Owns: looking things up in a tree that does not change. Refuses: following links and submodules, which could lead
out of the repository.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from generator.errors import InvalidInput
from generator.gitops.paths import check_path
from generator.gitops.trees import FOLDER, SUBMODULE, SYMLINK, Node

if TYPE_CHECKING:
    from generator.gitops.repository import Repository

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


class Entry(NamedTuple):
    """One name in a folder. `id` is the blob's or the tree's; `mode` as git prints it, such as `100644`."""

    name: str
    is_folder: bool
    id: str
    mode: str

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file: no folder, no symbolic link, no submodule."""
        return self.mode.startswith("100")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a commit holds; `commit` is None, and the tree empty, where there is no commit yet."""

    repository: Repository
    commit: str | None
    tree: str

    def read(self, path: str) -> bytes | None:
        """The file's content, or None where there is no such file.

        Raises InvalidInput where the path is a symbolic link or a submodule, or goes through one.
        """
        blob = self.blob_id(path)
        return None if blob is None else self.repository.read_blob(blob)

    def blob_id(self, path: str) -> str | None:
        """The id of the file's content, or None. Raises InvalidInput as read() does."""
        node = self._find(path)
        if node is None or node.mode == FOLDER:
            return None
        _refuse_link(path, node)
        return node.binary_id.hex()

    def exists(self, path: str) -> bool:
        """Whether anything is there: a file, a folder or a link."""
        return self._find(path) is not None

    def entries(self, folder: str = "") -> list[Entry]:
        """What the folder holds, in git's order; nothing where there is no such folder. `""` is the root."""
        tree = self._folder_tree(folder)
        if tree is None:
            return []
        return [
            Entry(name, node.mode == FOLDER, node.binary_id.hex(), node.mode.decode().zfill(6))
            for name, node in self.repository.read_tree(tree).items()
        ]

    def files_of_tree(self, tree: str) -> dict[str, str]:
        """Name → blob id of the regular files in a folder whose tree is known."""
        nodes = self.repository.read_tree(tree).items()
        return {name: node.binary_id.hex() for name, node in nodes if node.mode.startswith(b"100")}

    def _folder_tree(self, folder: str) -> str | None:
        if not folder:
            return self.tree
        node = self._find(folder)
        if node is not None:
            _refuse_link(folder, node)
        return node.binary_id.hex() if node is not None and node.mode == FOLDER else None

    def _find(self, path: str) -> Node | None:
        tree = self.tree
        segments = check_path(path)
        for depth, segment in enumerate(segments, start=1):
            node = self.repository.read_tree(tree).get(segment)
            if node is None or depth == len(segments):
                return node
            if node.mode != FOLDER:
                _refuse_link("/".join(segments[:depth]), node)
                return None
            tree = node.binary_id.hex()
        return None


def _refuse_link(path: str, node: Node) -> None:
    if node.mode in (SYMLINK, SUBMODULE):
        kind = "a symbolic link" if node.mode == SYMLINK else "a submodule"
        raise InvalidInput(f"{path} is {kind}; it is not followed", hint="put a regular file in its place")
