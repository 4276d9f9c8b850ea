"""A change of an endpoint that may have no file yet: the platform's row gives it its first one.

Owns: putting that file below the change, and keeping the model's facts what the catalogue says. Refuses: reading rows
(`store`), and what a column means (`spec.row_fields`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from generator.errors import Refused
from generator.service.fleet import EndpointRef, Fleet
from generator.service.importing import endpoint_text
from generator.service.operations import PatchOperation
from generator.service.plan import EndpointPlan, PlanRequest
from generator.service.tree import OverlayTree
from generator.spec.document import Path
from generator.spec.patch import Patch

FACTS = ("family", "status", "storageUri", "metadata")
"""What the catalogue, not the endpoint's file, decides about a model; name, version and type say which one it is."""


@dataclass(frozen=True, slots=True)
class SeededOperation:
    """A patch on the file at the tip, or on `seed` (an endpoint file's data) where the tip has none.

    Where the file is about the same model as the seed, the catalogue's facts about it go into the file.
    """

    seed: Mapping[str, Any]
    then: PatchOperation

    @property
    def target(self) -> str:
        """The endpoint."""
        return self.then.target

    @property
    def verb(self) -> str:
        """The patch's."""
        return self.then.verb

    def plan(self, base: Fleet, tip: Fleet, request: PlanRequest) -> EndpointPlan:
        """Plan the patch, with the seed below it where there is no file. Refused for one that was deleted."""
        environment, _, name = self.then.target.rpartition("/")
        ref = EndpointRef(environment, name)
        tip.environment(environment)
        found = tip.find_file(ref)
        if found is not None:
            return replace(self.then, patch=self._facts(tip, ref).merged(self.then.patch)).plan(base, tip, request)
        stamp = tip.stamp(ref)
        if stamp is not None and stamp.deleted:
            raise Refused(f"{ref} was deleted as r{stamp.revision}", hint=f"revstamp rollback {ref} brings it back")
        return self.then.plan(base, with_seed(tip, ref, self.seed), request)

    def _facts(self, tip: Fleet, ref: EndpointRef) -> Patch:
        """Where the file says something else about its model than the catalogue does."""
        document = tip.endpoint_file(ref).document
        model: Any = self.seed.get("spec", {}).get("model") or {}
        known = [document.at(("spec", "model", key)) for key in ("name", "version")]
        if known != [model.get("name"), model.get("version")]:
            return Patch()
        sets: dict[Path, Any] = {}
        clears: set[Path] = set()
        for key in FACTS:
            path, now = ("spec", "model", key), document.at(("spec", "model", key))
            if model.get(key) is None and now is not None:
                clears.add(path)
            elif model.get(key) != now:
                sets[path] = model[key]
        return Patch(sets, frozenset(clears), {path: f"catalogue: {path[-1]}" for path in sets})


def with_seed(tip: Fleet, ref: EndpointRef, seed: Mapping[str, Any]) -> Fleet:
    """The tip, with an endpoint's first file."""
    path = tip.layout.endpoint_files(ref.environment, ref.name)[0]
    return Fleet(OverlayTree(tip.tree, {path: endpoint_text(path, seed).encode()}))
