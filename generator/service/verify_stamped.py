"""Whether the manifests of one endpoint that has a stamp are what stamp and sources say.

Owns: digest, revisions, rendering again to the byte, and naming the file that is wrong. Refuses: which endpoints there
are (`verify`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from generator import __version__
from generator.errors import InvalidInput, NotFound, Refused, RenderFailed, RevstampError, Violation
from generator.render.parse import YamlProblem, parse_yaml
from generator.render.pods import REVISION, own_revision_path, pod_revision_path, value_at
from generator.render.stamp import Stamp, StampRequest, manifests_digest, spec_digest, stamp_manifests
from generator.service.fleet import EndpointRef, Fleet
from generator.service.plan import render_endpoint
from generator.spec.resolved_data import resolved_data

State = Literal["verified", "digest only", "failed", "deleted", "not rendered"]
StampedBy = Callable[[str], tuple[str, Fleet] | None]
"""The commit that last wrote a stamp file, by the file's path, with what it says; None where that is not known."""


@dataclass(frozen=True, slots=True)
class VerifiedEndpoint:
    """What was found out about one endpoint. `command` would check what could not be checked here."""

    ref: EndpointRef
    state: State
    revision: int | None = None
    generator: str = ""
    violations: tuple[Violation, ...] = ()
    note: str = ""
    command: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "endpoint": self.ref.name,
            "environment": self.ref.environment,
            "state": self.state,
            "revision": self.revision,
            "generator": self.generator,
            "violations": [violation.to_dict() for violation in self.violations],
            "note": self.note,
            "command": self.command,
        }


@dataclass(frozen=True, slots=True)
class StampCheck:
    """One endpoint that has a stamp."""

    fleet: Fleet
    ref: EndpointRef
    stamp: Stamp
    files: Mapping[str, bytes]
    folder: str

    def check_identity(self) -> list[Violation]:
        """The stamp is this endpoint's."""
        path = self.fleet.layout.stamp_file(self.ref.environment, self.ref.name)
        said = EndpointRef(self.stamp.environment, self.stamp.endpoint)
        if said == self.ref:
            return []
        return [Violation(f"is the stamp of {said}", f"it stands where that of {self.ref} belongs", file=path)]

    def conclude(self, found: list[Violation], rev: str, stamped_by: StampedBy) -> VerifiedEndpoint:
        """The result, from what was found so far, the digest, the revisions, and the rendering."""
        stamp, bodies = self.stamp, self._read_bodies(found)
        found += self._check_revisions(bodies)
        is_intact = manifests_digest(self.files) == stamp.manifests_digest
        rendered, reason = self._render(bodies)
        same = rendered is not None and rendered[0] == self.files
        reproducible = stamp.generator == __version__ and stamp.templates_digest == self.fleet.templates.digest
        if not is_intact:
            found += self._name_edited(rendered[0] if rendered and reproducible else None, stamped_by)
        elif not same and reproducible:
            found += self._name_stale(rendered, reason)
        if found:
            return VerifiedEndpoint(self.ref, "failed", stamp.revision, stamp.generator, tuple(found))
        if same:
            changed = rendered is not None and rendered[1] != stamp.spec_digest
            note = "its sources changed since, without effect on the manifests" if changed else ""
            return VerifiedEndpoint(self.ref, "verified", stamp.revision, stamp.generator, note=note)
        note, command = self._explain_other(rev, stamped_by)
        return VerifiedEndpoint(self.ref, "digest only", stamp.revision, stamp.generator, (), note, command)

    def _read_bodies(self, found: list[Violation]) -> dict[str, Any]:
        bodies: dict[str, Any] = {}
        for name, content in self.files.items():
            try:
                bodies[name] = parse_yaml(content.decode())
            except YamlProblem as problem:
                found.append(Violation(problem.message, problem.hint, "", f"{self.folder}/{name}", problem.line, 1))
            except UnicodeDecodeError:
                found.append(Violation("is not UTF-8 text", file=f"{self.folder}/{name}"))
        return bodies

    def _check_revisions(self, bodies: Mapping[str, Any]) -> list[Violation]:
        """No object is newer than the stamp, and the newest pods are the stamp's pod revision."""
        found, newest = [], 0
        for name, body in bodies.items():
            pods = pod_revision_path(str(value_at(body, "kind")))
            for path in dict.fromkeys((own_revision_path(), pods) if pods else (own_revision_path(),)):
                text = value_at(body, *path)
                revision = int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else 0
                newest = max(newest, revision if path == pods else 0)
                if not 1 <= revision <= self.stamp.revision:
                    message = f"{REVISION} is {text!r}, the stamp's revision {self.stamp.revision}"
                    found.append(Violation(message, "run `revstamp commit`", "", f"{self.folder}/{name}"))
        if newest != self.stamp.pod_revision and not found:
            message = f"the pods' newest revision is {newest}, the stamp's podRevision {self.stamp.pod_revision}"
            found.append(Violation(message, "run `revstamp commit`", "", self.folder))
        return found

    def _render(self, bodies: Mapping[str, Any]) -> tuple[tuple[Mapping[str, bytes], str] | None, RevstampError | None]:
        """The files as they would be rendered now, with the revisions they have, and the spec's digest."""
        try:
            file = self.fleet.endpoint_file(self.ref)
            rendering = render_endpoint(self.fleet, self.ref, file)
        except (Refused, RenderFailed, InvalidInput, NotFound) as error:
            return None, error
        stamp = self.stamp
        request = StampRequest(stamp.environment, stamp.endpoint, stamp.revision + 1, "verify", "", "", __version__)
        stamped = stamp_manifests(rendering.manifests, bodies, None, request)
        digest = spec_digest(resolved_data(rendering.resolved))
        return ({name: text.encode() for name, text in stamped.files.items()}, digest), None

    def _name_edited(self, rendered: Mapping[str, bytes] | None, stamped_by: StampedBy) -> list[Violation]:
        """Which files are not those that the stamp was made for, as well as it can be known."""
        written = stamped_by(self.fleet.layout.stamp_file(self.ref.environment, self.ref.name))
        right = written[1].manifest_files(self.ref) if written else {}
        if manifests_digest(right) != self.stamp.manifests_digest:
            right = rendered or {}
        fix = "run `revstamp commit` to render it again, or restore it with git"
        if not right:
            return [Violation("the files are not those that the stamp was made for", fix, file=self.folder)]
        found = [
            Violation(f"{what} since the stamp was made", fix, "", f"{self.folder}/{name}", line, 1 if line else 0)
            for name, what, line in compare_files(right, self.files, ("was edited", "was added", "was removed"))
        ]
        path = self.fleet.layout.stamp_file(self.ref.environment, self.ref.name)
        return found or [Violation("manifestsDigest is not that of the manifests", fix, "manifestsDigest", path)]

    def _name_stale(
        self, rendered: tuple[Mapping[str, bytes], str] | None, reason: RevstampError | None
    ) -> list[Violation]:
        """How the files differ from what their sources render to."""
        if rendered is None:
            violations = reason.violations if reason else ()
            first = str(violations[0]) if violations else reason.message if reason else ""
            return [Violation(f"its sources cannot be rendered any more: {first}", "correct them", file=self.folder)]
        fix = "run `revstamp commit`"
        words = ("is not what its sources render to", "is not rendered any more", "is missing")
        return [
            Violation(what, fix, "", f"{self.folder}/{name}", line, 1 if line else 0)
            for name, what, line in compare_files(rendered[0], self.files, words)
        ]

    def _explain_other(self, rev: str, stamped_by: StampedBy) -> tuple[str, str]:
        """Why the bytes cannot be made again here, and the command that could."""
        stamp = self.stamp
        if stamp.generator != __version__:
            command = f"pip install revstamp=={stamp.generator} && revstamp verify {rev} {self.ref}"
            return f"rendered by revstamp {stamp.generator}, this is {__version__}", command
        written = stamped_by(self.fleet.layout.stamp_file(self.ref.environment, self.ref.name))
        if written and written[1].templates.digest == stamp.templates_digest:
            return "rendered with other templates", f"revstamp verify {written[0][:12]} {self.ref}"
        command = f"pip install --force-reinstall revstamp=={stamp.generator} && revstamp verify {rev} {self.ref}"
        return "rendered with other templates", command


def compare_files(
    right: Mapping[str, bytes], files: Mapping[str, bytes], words: tuple[str, str, str]
) -> Iterator[tuple[str, str, int]]:
    """Files that differ: name, the word for edited, added or removed, and the first line that differs."""
    edited, added, removed = words
    for name in sorted({*right, *files}):
        if name not in right:
            yield name, added, 0
        elif name not in files:
            yield name, removed, 0
        elif right[name] != files[name]:
            lines = zip(right[name].split(b"\n"), files[name].split(b"\n"), strict=False)
            same = next((number for number, (one, other) in enumerate(lines, 1) if one != other), 0)
            yield name, edited, same or min(right[name].count(b"\n"), files[name].count(b"\n")) + 1
