"""A new GitOps repository.

Owns: its first files and its first commit. Refuses: touching a repository that has a revstamp.yaml already.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from generator import __version__
from generator.errors import AlreadyExists, GitError, InvalidInput
from generator.gitops.clone import Clone
from generator.gitops.paths import check_branch
from generator.gitops.process import run_git
from generator.render.shipped import shipped_environments
from generator.service.commit import Author
from generator.service.editor import schema_files
from generator.service.layout import ENVIRONMENTS, REPOSITORY_FILE
from generator.service.tree import write_file
from generator.service.workspace import Committed, Workspace
from generator.settings import Settings

DEFAULT_BRANCH = "main"
REPOSITORY_TEXT = """\
# yaml-language-server: $schema=./.revstamp/schemas/repository.json
# The settings of this GitOps repository.
apiVersion: revstamp.io/v1
kind: Repository
spec:
  layoutVersion: 1
  generator: {generator} # pinned: another version refuses to render
  templates: shipped # or repository: files in templates/ override the shipped ones
  shards: {shards} # folders that the generated files are spread over: 16, 256 or 4096; fixed
  endpointFolders: {folders} # flat, or sharded for thousands of endpoints; fixed
  branch: {branch} # where what is deployed stands
"""
ATTRIBUTES = """\
# Generated files are collapsed in reviews.
*/manifests/** linguist-generated
*/stamps/** linguist-generated
"""


@dataclass(frozen=True, slots=True)
class InitRequest:
    """How the repository is to be. `example` brings the endpoints of the shipped example along.

    `branch` is where what is deployed stands; empty: the branch of the clone that is there, else main.
    """

    environments: tuple[str, ...] = ()
    shards: int = 16
    branch: str = ""
    example: bool = False


@dataclass(frozen=True, slots=True)
class Initialised:
    """A new repository: the branch where what is deployed stands, and the first commit."""

    branch: str
    committed: Committed


def initialise_repository(folder: Path, request: InitRequest, author: Author, settings: Settings) -> Initialised:
    """Make the repository, in an empty folder or an existing clone without a revstamp.yaml, and commit it."""
    _refuse_occupied(folder)
    is_clone = _is_top_folder(folder)
    branch = check_branch(request.branch) if request.branch else _present_branch(folder) if is_clone else DEFAULT_BRANCH
    request = replace(request, branch=branch)
    files = first_files(request)
    created = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if not is_clone:
            _make_repository(folder, request.branch)
        for path, content in files.items():
            write_file(folder, path, content.encode())
        return Initialised(request.branch, Workspace.open(folder, settings).commit_edits(author))
    except BaseException:
        if created:
            shutil.rmtree(folder, ignore_errors=True)
        for path in () if created else files:
            (folder / path).unlink(missing_ok=True)
        for name in () if created else (ENVIRONMENTS, ".revstamp"):
            shutil.rmtree(folder / name, ignore_errors=True)  # was not there before, or it would have been refused
        raise


def _is_top_folder(folder: Path) -> bool:
    """Whether it is a clone itself; a folder inside somebody's clone becomes a repository of its own."""
    if not folder.is_dir():
        return False
    answer = run_git(["rev-parse", "--path-format=absolute", "--show-toplevel"], cwd=folder)
    return answer.code == 0 and Path(answer.text).resolve() == folder.resolve()


def _present_branch(folder: Path) -> str:
    """The branch that is checked out, which may have no commit yet; DirtyClone where there is none."""
    return Clone.find(folder).branch


def _make_repository(folder: Path, branch: str) -> None:
    answer = run_git(["init", "--quiet", f"--initial-branch={branch}"], cwd=folder)
    if answer.code != 0:
        raise GitError(f"git could not make a repository in {folder}: {answer.reason}")


def _refuse_occupied(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise AlreadyExists(f"{folder} is there and is not a folder", hint="choose another name")
    if any((folder / name).exists() for name in (REPOSITORY_FILE, ENVIRONMENTS, ".revstamp")):
        raise AlreadyExists(
            f"{folder} holds a GitOps repository already", hint="use it as it is, or choose another folder"
        )
    if folder.is_dir() and any(folder.iterdir()) and not (folder / ".git").exists():
        raise AlreadyExists(f"{folder} is not empty", hint="choose an empty folder, or run `git init` there first")


def first_files(request: InitRequest) -> dict[str, str]:
    """The files of a new repository by path."""
    shipped = shipped_environments()
    known = sorted({path.split("/")[0] for path in shipped})
    wanted = request.environments or tuple(known)
    folders = "sharded" if request.shards > 16 else "flat"
    files = {
        REPOSITORY_FILE: REPOSITORY_TEXT.format(
            generator=__version__, shards=request.shards, folders=folders, branch=request.branch or DEFAULT_BRANCH
        ),
        f"{ENVIRONMENTS}/.gitattributes": ATTRIBUTES,
        **schema_files(),
    }
    for name in wanted:
        source = name if name in known else "dev"
        text = shipped.get(f"{source}/environment.yaml")
        if text is None:
            raise InvalidInput(f"no example environment to make {name} from", hint=f"known: {', '.join(known)}")
        text = text.replace(f"name: {source}\n", f"name: {name}\n", 1).replace(f"llm-ops-{source}", f"llm-ops-{name}")
        files[f"{ENVIRONMENTS}/{name}/environment.yaml"] = text
        if request.example and source == name:
            prefix = f"{name}/endpoints/"
            files |= {f"{ENVIRONMENTS}/{path}": text for path, text in shipped.items() if path.startswith(prefix)}
    return files
