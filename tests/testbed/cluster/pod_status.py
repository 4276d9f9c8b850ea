"""Templates of a pod's status, for the fake kubelet.

Owns: text/template source that writes conditions and container statuses as a kubelet would. Refuses: when each applies.

The first container has the fate; the others are the ones beside it and run. A status that a stage writes replaces the
one before, so restart counts are carried over by the template.
"""

from __future__ import annotations

import json

_HEAD = """\
{{ $now := Now }}
{{ $root := . }}
{{ $restarts := 0 }}
{{ with .status.containerStatuses }}{{ $restarts = int (index . 0).restartCount }}{{ end }}
{{ $initRestarts := 0 }}
{{ with .status.initContainerStatuses }}{{ $initRestarts = int (index . 0).restartCount }}{{ end }}
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
startTime: {{ or .status.startTime $now | Quote }}
"""
_ADDRESS = """\
{{ $host := or .spec.hostNetwork false }}
podIP: {{ or .status.podIP (PodIPWith .spec.nodeName $host .metadata.uid .metadata.name .metadata.namespace) | Quote }}
"""

RUNNING = "running: {startedAt: {{ $now | Quote }}}"


def waiting(reason: str, message: str = "", *values: str) -> str:
    """A container's state; `message` may hold `%s` for values such as `$c.image`, the container's image."""
    said = f", message: {{{{ printf {json.dumps(message)} {' '.join(values)} | Quote }}}}" if message else ""
    return f"waiting: {{reason: {reason}{said}}}"


def terminated(reason: str, exit_code: int) -> str:
    """A container's state after it has ended."""
    return (
        f"terminated: {{exitCode: {exit_code}, reason: {reason}, startedAt: {{{{ $now | Quote }}}}, "
        "finishedAt: {{ $now | Quote }}}"
    )


def pod_status(
    phase: str,
    state: str,
    *,
    ready: bool = False,
    started: bool | None = None,
    last: str = "",
    restarts: int = 0,
    initialized: bool = True,
    sandbox: bool = True,
    init_state: str = terminated("Completed", 0),
    init_last: str = "",
    init_restarts: int = 0,
) -> str:
    """The whole status. `state`, `last` and `init_…` are of the functions above, `restarts` is added to the count.

    Without a `sandbox` its volumes are not mounted.
    """
    others = RUNNING if phase == "Running" else state
    started = ready if started is None else started
    return "".join(
        (
            _HEAD,
            _ADDRESS if phase == "Running" else "",
            f"phase: {phase}\n",
            _conditions(initialized, ready, sandbox),
            _containers(state, others, ready, started, last, restarts),
            _init_containers(init_state, initialized, init_last, init_restarts),
        )
    )


def _conditions(initialized: bool, ready: bool, sandbox: bool) -> str:
    lines = ["conditions:\n"]
    unready = "" if ready else ', reason: ContainersNotReady, message: "containers with unready status"'
    for name, true, why in (
        ("PodReadyToStartContainers", sandbox, ""),
        ("Initialized", initialized, "" if initialized else ", reason: ContainersNotInitialized"),
        ("ContainersReady", ready, unready),
        ("Ready", ready, unready),
    ):
        line = f'- {{type: {name}, status: "{true}", lastTransitionTime: {{{{ $now | Quote }}}}{why}}}\n'
        if name == "Initialized" and not initialized:  # a pod without init containers is initialized from the start
            done = f'- {{type: {name}, status: "True", lastTransitionTime: {{{{ $now | Quote }}}}}}\n'
            line = f"{{{{ if .spec.initContainers }}}}\n{line}{{{{ else }}}}\n{done}{{{{ end }}}}\n"
        lines.append(line)
    gate = '- {type: {{ .conditionType | Quote }}, status: "True", lastTransitionTime: {{ $now | Quote }}}\n'
    return "".join(lines) + "{{ range .spec.readinessGates }}\n" + gate + "{{ end }}\n"


def _containers(state: str, others: str, ready: bool, started: bool, last: str, restarts: int) -> str:
    running = others == RUNNING
    return f"""\
containerStatuses:
{{{{ range $i, $c := .spec.containers }}}}
- name: {{{{ $c.name | Quote }}}}
  image: {{{{ $c.image | Quote }}}}
  imageID: {{{{ $c.image | Quote }}}}
{{{{ if eq $i 0 }}}}
  ready: {str(ready).lower()}
  started: {str(started).lower()}
  restartCount: {{{{ add $restarts {restarts} }}}}
  state: {{{state}}}
  lastState: {{{last}}}
{{{{ else }}}}
  ready: {str(running).lower()}
  started: {str(running).lower()}
  restartCount: 0
  state: {{{others}}}
  lastState: {{}}
{{{{ end }}}}
{{{{ end }}}}
"""


def _init_containers(state: str, done: bool, last: str, restarts: int) -> str:
    return f"""\
initContainerStatuses:
{{{{ range $i, $c := .spec.initContainers }}}}
- name: {{{{ $c.name | Quote }}}}
  image: {{{{ $c.image | Quote }}}}
  imageID: {{{{ $c.image | Quote }}}}
{{{{ if and (eq (or $c.restartPolicy "") "Always") {str(done).lower()} }}}}
  ready: true
  started: true
  restartCount: 0
  state: {{{RUNNING}}}
{{{{ else }}}}
  ready: {str(done).lower()}
  started: false
  restartCount: {{{{ add $initRestarts {restarts} }}}}
  state: {{{state}}}
  lastState: {{{last}}}
{{{{ end }}}}
{{{{ end }}}}
"""
