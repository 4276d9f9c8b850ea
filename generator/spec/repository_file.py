"""The file `revstamp.yaml` at the root of a GitOps repository.

Owns: the layout's version, the pinned generator, the template source, the number of shards. Refuses: settings of one
person or machine (those are `settings`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from generator.spec.base import Line, Model


class RepositorySpec(Model):
    """Fixed when the repository is made, but for `generator`, `templates` and `branch`.

    `branch` is where what is deployed stands; revisions count from its tip. `endpointFolders` says whether new
    endpoint files are put into shard folders.
    """

    layout_version: Literal[1] = 1
    generator: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+([-+.a-z0-9]*)$")]
    templates: Literal["shipped", "repository"] = "shipped"
    shards: Literal[16, 256, 4096] = 16
    endpoint_folders: Literal["flat", "sharded"] = "flat"
    branch: Line = "main"


class RepositoryFile(Model):
    """The whole of `revstamp.yaml`."""

    api_version: Literal["revstamp.io/v1"]
    kind: Literal["Repository"]
    spec: RepositorySpec
