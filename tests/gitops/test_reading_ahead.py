"""Many objects in one exchange with git, before they are asked for."""

from __future__ import annotations

import fcntl
from concurrent.futures import ThreadPoolExecutor

from generator.gitops.object_reader import MOST
from generator.gitops.repository import Repository
from tests.gitops.conftest import proposal

ABSENT = "0123456789012345678901234567890123456789"


def write_blobs(repository: Repository, count: int) -> list[str]:
    """So many blobs of different sizes, the first one empty."""
    return [repository.objects.write("blob", (b"%d\n" % number) * number) for number in range(count)]


def test_more_objects_than_one_exchange_holds_are_read_as_one_by_one(bare: Repository) -> None:
    """Missing ones are left out, the order stays."""
    blobs = write_blobs(bare, MOST + 20)
    asked = [*blobs[:3], ABSENT, *blobs[3:]]
    assert list(bare.objects.read_many(asked)) == [(each, *bare.objects.read(each)) for each in blobs]


def test_what_was_read_ahead_needs_no_git(bare: Repository) -> None:
    """Blobs and trees come from memory afterwards."""
    tree = bare.write_tree(None, proposal({"a/b": "text", "c": ""}).change)
    folder = bare.read_tree(tree)["a"].binary_id.hex()
    blob = bare.read_tree(folder)["b"].binary_id.hex()
    fresh = Repository.open(bare.git_dir)
    fresh.read_ahead([tree, folder, blob, ABSENT, tree])
    fresh.objects.read = None  # type: ignore[method-assign,assignment]
    assert fresh.read_blob(blob) == b"text"
    assert list(fresh.read_tree(tree)) == ["a", "c"]


def test_a_git_that_is_ended_amid_reading_ahead_costs_only_the_time(bare: Repository) -> None:
    """The next read starts another process and has the object."""
    blobs = write_blobs(bare, 3)
    bare.objects.read(blobs[0])
    reader = bare.objects._reader
    assert reader is not None
    (process,) = reader._end.peek()[2]  # type: ignore[index]
    process.kill()
    process.wait()
    assert list(bare.objects.read_many(blobs)) == []
    assert bare.read_blob(blobs[2]) == b"2\n2\n"


def test_a_pipe_of_one_page_is_enough(bare: Repository) -> None:
    """That is what the system gives to a user who has many pipes; who asks more at once waits for ever."""
    blobs = [bare.objects.write("blob", b"%d" % number * 500) for number in range(3 * MOST)]
    bare.objects.read(blobs[0])
    reader = bare.objects._reader
    assert reader is not None
    for pipe in (reader._asking, reader._answers):
        assert fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, 4096) == 4096
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(lambda: len(list(bare.objects.read_many(blobs))))
        try:
            assert found.result(60) == len(blobs)
        finally:
            bare.objects.close()
