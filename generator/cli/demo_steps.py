"""The steps of the demo, in the order in which they are told.

Owns: what is shown, and the edits that a person would make in between. Refuses: running anything.
"""

from __future__ import annotations

from dataclasses import dataclass

PROD = "environments/prod"


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person does in an editor before the step: `old` becomes `new` in a file."""

    file: str
    old: str
    new: str
    words: str


@dataclass(frozen=True, slots=True)
class Step:
    """One command, why it is run, and the exit code that it is meant to end with."""

    title: str
    line: str
    code: int = 0
    edits: tuple[Edit, ...] = ()


_LONGER = Edit(
    f"{PROD}/endpoints/chat.yaml",
    "max_input_tokens: 8192",
    "max_input_tokens: 16384",
    "prod/endpoints/chat.yaml: max_input_tokens 8192 becomes 16384",
)
_IMPATIENT = Edit(
    f"{PROD}/environment.yaml",
    "    drainSeconds: 60\n",
    "    drainSeconds: 60\n    failingSeconds: 3\n",
    "prod/environment.yaml: failingSeconds 3, so that nobody waits three minutes for a verdict here",
)

STEPS: tuple[Step, ...] = (
    Step("A repository with six endpoints in three environments, rendered and committed:", "init {folder} --example"),
    Step("What one of them renders to, as any engine would apply it:", "render stg/chat --to {out}"),
    Step("Into the cluster, a simulated one, in place; and wait for the truth:", "apply prod/chat --wait"),
    Step("Somebody edits a file. What would that change, restart and cost?", "diff", edits=(_LONGER, _IMPATIENT)),
    Step("Edit and rendered files go into one commit, as the next revision:", 'commit -m "longer questions"'),
    Step("Pods are replaced one by one; the old ones serve until the new ones do:", "apply prod/chat --wait"),
    Step("Scaling restarts no pod:", "scale prod/chat --min 3"),
    Step("", "apply prod/chat --wait"),
    Step(
        "A nightly build, which crashes:",
        'redeploy prod/chat --image registry.internal/serve/vllm:fate-crash-loop --reason "try the nightly build"',
    ),
    Step("It fails with its reason, and the old revision goes on serving:", "apply prod/chat --wait", code=10),
    Step("", "status prod/chat"),
    Step("Back to the revision before, as a new one; automatic sync stays on:", "rollback prod/chat --to 3"),
    Step("", "apply prod/chat --wait"),
    Step("Who, when, why, what:", "log prod/chat"),
    Step("Does every committed file say what its sources say?", "verify"),
)
