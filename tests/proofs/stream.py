"""A stream of commits as people and pipelines make them, chosen by chance.

Owns: the commits, and what may be deleted because of them. Refuses: waiting for anything.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from generator.errors import RevstampError
from tests.cluster.gitops import GitOps
from tests.fleet_repository import git
from tests.proofs.agreement import Name, read_tip

KEPT = ("keep-plain", "keep-served")
"""A Deployment and an InferenceService that no commit of the stream deletes or recreates."""
_MOST = 5
"""Endpoints at a time, beside those that are kept."""


class CommitStream:
    """Makes one commit after the other. `was_wanted` and `may_go` are what git ever had, and what it dropped again."""

    def __init__(self, gitops: GitOps, chance: random.Random) -> None:
        self.gitops, self.chance = gitops, chance
        self.counts: Counter[str] = Counter()
        self.may_go: set[Name] = set()
        self._before: dict[str, set[Name]] = {}
        self._frameworks: dict[str, str] = {}
        self._routes: dict[str, str] = {}
        self._suspended: set[str] = set()
        self._broken: dict[str, tuple[Path, str]] = {}
        self._number = 0

    def begin(self) -> None:
        """The endpoints that are kept, and one more of each framework."""
        self._add("keep-plain", "deployment", replicas=2)
        self._add("keep-served", "kserve", replicas=2)
        self.add()
        self.add()
        self._note()

    def step(self) -> str:
        """One commit; says which."""
        choices = {
            self.add: 2, self.redeploy: 5, self.scale: 3, self.delete: 2, self.suspend: 2, self.resume: 3,
            self.break_manifest: 2, self.mend_manifest: 3, self.switch_framework: 2, self.toggle_route: 2,
        }  # fmt: skip
        while True:
            chosen = self.chance.choices(list(choices), list(choices.values()))[0]
            if chosen():
                self.counts[chosen.__name__] += 1
                self._note()
                return chosen.__name__

    def end(self) -> None:
        """Everything broken is mended, everything suspended is resumed."""
        while self.mend_manifest() or self.resume():
            self._note()

    @property
    def commits(self) -> int:
        """How many commits were made by `step`."""
        return sum(self.counts.values())

    def add(self) -> bool:
        """A new endpoint, perhaps under a name that was there before."""
        if len(self._frameworks) >= _MOST + len(KEPT):
            return False
        self._number += 1
        name = f"e{self._number % 8}"
        if name in self._frameworks:
            return False
        self._add(name, ("deployment", "kserve")[self._number % 2], replicas=1)
        return True

    def redeploy(self) -> bool:
        """The same again, or another image."""
        name = self._choose()
        if not name:
            return False
        image = ("--image", f"registry.internal/serve/vllm:{self.chance.randrange(1000)}")
        slow = ("--image", f"registry.internal/serve/vllm:fate-slow-load-after-1s-{self.chance.randrange(1000)}")
        self._type("redeploy", name, *self.chance.choice([(), image, slow]))
        return True

    def scale(self) -> bool:
        """Another number, or an autoscaler in place of one, or none."""
        name = self._choose()
        if not name:
            return False
        low = self.chance.randint(1, 2)
        self._type("scale", name, "--min", str(low), "--max", str(self.chance.choice([low, low + 1])))
        return True

    def delete(self) -> bool:
        """An endpoint goes, for good or until it is added again."""
        name = self._choose(keep=False)
        if not name:
            return False
        self._type("delete", name, "--yes")
        self._frameworks.pop(name)
        self._routes.pop(name)
        self._suspended.discard(name)
        return True

    def suspend(self) -> bool:
        """An endpoint is left alone for a while."""
        name = self._choose()
        if not name or name in self._suspended:
            return False
        self._type("suspend", name)
        self._suspended.add(name)
        return True

    def resume(self) -> bool:
        """And no longer."""
        if not self._suspended:
            return False
        name = self.chance.choice(sorted(self._suspended))
        self._type("resume", name)
        self._suspended.discard(name)
        return True

    def break_manifest(self) -> bool:
        """Somebody edits a manifest by hand: no YAML, or nothing that the server takes."""
        name = self._choose()
        if not name:
            return False
        folder = next((self.gitops.root / "environments/test/manifests").glob(f"*/{name}"))
        path = self.chance.choice(sorted(folder.iterdir()))
        text = path.read_text()
        self._broken[name] = (path, text)
        bad = self.chance.choice(["kind: [", text.replace("\nspec:\n", "\nspec:\n  nonsense: true\n")])
        path.write_text(bad)
        self._commit(f"break {path.name} of {name}")
        return True

    def mend_manifest(self) -> bool:
        """And puts it right."""
        if not self._broken:
            return False
        name = self.chance.choice(sorted(self._broken))
        path, text = self._broken.pop(name)
        path.write_text(text)
        self._commit(f"mend {name}")
        return True

    def switch_framework(self) -> bool:
        """A Deployment becomes an InferenceService, or the other way round."""
        name = self._choose(keep=False)
        if not name:
            return False
        other = "kserve" if self._frameworks[name] == "deployment" else "deployment"
        self._type("redeploy", name, "--framework", other)
        self._frameworks[name] = other
        return True

    def toggle_route(self) -> bool:
        """The route object comes or goes."""
        name = self._choose()
        if not name:
            return False
        other = "none" if self._routes[name] == "gateway" else "gateway"
        self._type("redeploy", name, "--set", f"routing.type={other}")
        self._routes[name] = other
        return True

    def _commit(self, message: str) -> None:
        """By hand, and pushed where there is a remote."""
        git(self.gitops.root, "commit", "-qam", message)
        if git(self.gitops.root, "remote"):
            git(self.gitops.root, "push", "-q", "origin", "main")

    def _add(self, name: str, framework: str, replicas: int) -> None:
        self.gitops.add(name, framework=framework, replicas={"min": replicas, "max": replicas})
        self._frameworks[name], self._routes[name] = framework, "gateway"

    def _choose(self, *, keep: bool = True) -> str:
        """An endpoint that is not broken; empty where there is none."""
        names = [name for name in self._frameworks if name not in self._broken and (keep or name not in KEPT)]
        return self.chance.choice(sorted(names)) if names else ""

    def _type(self, command: str, name: str, *options: str) -> None:
        self.gitops.type(command, f"{self.gitops.environment}/{name}", *options)

    def _note(self) -> None:
        """What git has dropped may be deleted, whenever it was dropped."""
        tip = read_tip(self.gitops)
        for name in {*self._before, *tip.traces}:
            try:
                bodies = tip.read(name).bodies
            except RevstampError:
                continue  # broken: what it drops is seen when it is mended
            now = {(str(body["kind"]), str(body["metadata"]["name"])) for body in bodies}
            self.may_go |= self._before.get(name, set()) - now
            self._before[name] = now
