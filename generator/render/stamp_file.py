"""The stamp file: the machine's record of one endpoint's current revision, like a lock file.

Owns: its content and how it is written. Refuses: reading what others wrote (`stamp_parse`), deciding revisions
(`stamp`) and where the file lies (the repository's layout).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from generator.errors import InternalError
from generator.render.canonical import emit_yaml
from generator.render.stamp_digest import manifests_digest
from generator.spec.base import API_VERSION

KIND = "Stamp"
HIGHEST_REVISION = 2**31 - 1

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


def is_request_id(text: str) -> bool:
    """Whether the text can be a request id: it stands in a file, in a commit's trailer and in queries as it is."""
    return _REQUEST_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Stamp:
    """The current revision of one endpoint, and what it was made from.

    `pod_revision` is the revision that healthy pods carry, 0 where an endpoint has no pods of its own; `restores`
    the revision that a rollback brought back; `deleted` marks a tombstone, which keeps the number from being used
    again.
    """

    environment: str
    endpoint: str
    revision: int
    request_id: str
    pod_revision: int
    spec_digest: str
    manifests_digest: str
    templates_digest: str
    generator: str
    restores: int | None = None
    deleted: bool = False

    def to_fields(self) -> dict[str, Any]:
        """The file's fields in their order.

        The request id follows the revision at once: when two branches both make 7 into 8, the revision line is the
        same on both, and only the different line beside it makes git see a conflict.
        """
        fields: dict[str, Any] = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "environment": self.environment,
            "endpoint": self.endpoint,
            "revision": self.revision,
            "requestId": self.request_id,
            "podRevision": self.pod_revision,
            "specDigest": self.spec_digest,
            "manifestsDigest": self.manifests_digest,
            "templatesDigest": self.templates_digest,
            "generator": self.generator,
        }
        if self.restores is not None:
            fields["restores"] = self.restores
        if self.deleted:
            fields["deleted"] = True
        return fields

    def to_yaml(self) -> str:
        """The file's text. Each line is written alone, so that no ordering of keys can part revision and request."""
        return "".join(f"{key}: {emit_yaml(value)}" for key, value in self.to_fields().items())

    @classmethod
    def parse(cls, content: bytes, file: str) -> Stamp:
        """The stamp in a file's bytes; `file` is named in errors. InvalidInput where it is not one."""
        from generator.render.stamp_parse import parse_stamp  # it builds Stamps, so it comes after this class

        return parse_stamp(content, file)


def tombstone(previous: Stamp, revision: int, request_id: str) -> Stamp:
    """The stamp that stays when an endpoint is deleted: its digests are the last ones, its manifests are none."""
    if revision <= previous.revision:
        raise InternalError(f"revision {revision} does not follow {previous.revision} of {previous.endpoint}")
    return replace(
        previous,
        revision=revision,
        request_id=request_id,
        manifests_digest=manifests_digest({}),
        restores=None,
        deleted=True,
    )
