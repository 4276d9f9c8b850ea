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
    generator: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+[-+.a-z0-9]{0,40}$")]
    templates: Literal["shipped", "repository"] = "shipped"
    shards: Literal[16, 256, 4096] = 16
    endpoint_folders: Literal["flat", "sharded"] = "flat"
    branch: Branch = "main"


class RepositoryFile(Model):
    """The whole of `revstamp.yaml`."""

    api_version: Literal["revstamp.io/v1"]
    kind: Literal["Repository"]
    spec: RepositorySpec
