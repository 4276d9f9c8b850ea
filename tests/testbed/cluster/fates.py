"""What becomes of a pod, and where it says so.

Owns: the names of fates, and the jq expressions that read them from a pod. Refuses: what each fate does; that is
`pod_stages`.

An annotation says it, where a test writes the pod template:

    testbed.revstamp.io/fate: crash-loop
    testbed.revstamp.io/after: 3s         how long until it happens; each fate has a default
    testbed.revstamp.io/times: "2"        crash-loop, oom: it recovers after so many restarts
    testbed.revstamp.io/drain: 2s         any pod: how long it takes to end once it is deleted

or the image, where a renderer writes it and only the image is a test's to choose: any container's image that contains
`fate-crash-loop` or `fate-crash-loop-after-3s`, such as registry.internal/serve/vllm:fate-slow-load-after-10s, or
`drain-2s`.
"""

from __future__ import annotations

FATES = (
    "slow-load",
    "never-ready",
    "image-pull",
    "crash-loop",
    "oom",
    "config-error",
    "mount-failed",
    "fail-later",
    "slow-init",
    "init-crash",
)
PREFIX = "testbed.revstamp.io"
NONE = "none"

_IMAGES = '([.spec.containers[].image] | join(" "))'
_NAMES = "|".join(FATES)


def _annotation(name: str) -> str:
    return f'.metadata.annotations["{PREFIX}/{name}"]'


# jq: the fate of a pod, NONE where nothing names one.
FATE = f'({_annotation("fate")} // ({_IMAGES} | capture("fate-(?<it>{_NAMES})") | .it) // "{NONE}")'
# jq: a duration such as 3s, or nothing.
AFTER = (
    f'({_annotation("after")} // ({_IMAGES} | capture("fate-({_NAMES})-after-(?<it>[0-9]+(ms|s|m))") | .it) // empty)'
)
DRAIN = f'({_annotation("drain")} // ({_IMAGES} | capture("drain-(?<it>[0-9]+(ms|s|m))") | .it) // empty)'
# jq: whether a pod that crashes has crashed as often as it is to.
RECOVERED = f'((({_annotation("times")} // "1000000") | tonumber) <= (.status.containerStatuses[0].restartCount // 0))'
