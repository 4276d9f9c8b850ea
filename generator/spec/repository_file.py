"""The file `revstamp.yaml` at the root of a GitOps repository.

Owns: the layout's version, the pinned generator, the template source, the number of shards. Refuses: settings of one
person or machine (those are `settings`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from generator.spec.base import Model, in_schema_as, wrong
from generator.spec.names import BRANCH, is_branch
from generator.spec.text import shown


def _check_branch(value: str) -> str:
    if not is_branch(value):
        raise wrong(f"{shown(value)} is not a branch name", "write a name such as main or release/prod")
    return value


Branch = Annotated[str, AfterValidator(_check_branch), in_schema_as(BRANCH, 200)]


class RepositorySpec(Model):
    """Fixed when the repository is made, but for `generator`, `templates` and `branch`.

    `branch` is where what is deployed stands; revisions count from its tip. `endpointFolders` says whether new
    endpoint files are put into shard folders.
    """

    layout_version: Literal[1] = 1
    """Version of the layout of folders."""
    generator: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+[-+.a-z0-9]{0,40}$")]
    """Version of revstamp that renders this repository; another one refuses."""
    templates: Literal["shipped", "repository"] = "shipped"
    """repository: files in templates/ override the shipped ones."""
    shards: Literal[16, 256, 4096] = 16
    """Number of folders for generated files; fixed."""
    endpoint_folders: Literal["flat", "sharded"] = "flat"
    """Whether new endpoint files are put into shard folders; fixed."""
    branch: Branch = "main"
    """Branch on which what is deployed stands."""


class RepositoryFile(Model):
    """The whole of `revstamp.yaml`."""

    api_version: Literal["revstamp.io/v1"]
    """The format of this file."""
    kind: Literal["Repository"]
    """Repository."""
    spec: RepositorySpec
    """The settings."""
