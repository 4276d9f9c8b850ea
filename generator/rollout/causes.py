"""From the words of Kubernetes, registries and model servers to a cause and what to do next.

Owns: the table of known words, and the usual hint of each reason. Refuses: where the words come from (`failures`).
Sources: the texts of containerd, the scheduler, the quota and security admission of Kubernetes, vLLM, TGI and the
Hugging Face hub as their users report them. Words that are not in the table are shown as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from generator.rollout.status import Reason


@dataclass(frozen=True, slots=True)
class Cause:
    """What known words mean. `reason` is there where they say more than the place where they were found."""

    words: str
    """Ends a sentence about a pod: `the model is gated`."""
    hint: str
    reason: Reason | None = None


_SERVER = (
    (
        r"gated repo|gatedrepo|awaiting a review|access to model .* is restricted|cannot access gated",
        Cause(
            "the model is gated and the token has no access",
            "accept the model's licence with the account of the token, or give a token that has access",
        ),
    ),
    (
        r"cuda out of memory|cuda error: out of memory|outofmemoryerror|no available memory for the cache blocks"
        r"|less than desired gpu memory",
        Cause(
            "the GPU's memory is too small",
            "give it larger or more GPUs, a shorter context, or a quantised model",
            Reason.OUT_OF_MEMORY,
        ),
    ),
    (
        r"divisible by.*tensor.parallel|tensor.parallel.size.*(divisible|world.size|than the number)"
        r"|tensor.parallel.size.*(gpus|available)|num_?shard",
        Cause(
            "the tensor parallel size does not fit the model or the GPUs",
            "choose a number of GPUs that divides the model's attention heads",
        ),
    ),
    (
        r"max.?model.?len.*(greater|larger)|(greater|larger) than the derived max_model_len|max seq len.*larger than"
        r"|maximum number of tokens that can be stored in kv cache|kv cache is needed",
        Cause(
            "the context does not fit the model or the GPUs' memory",
            "lower max_input_tokens or max_output_tokens, or give it more GPU memory",
        ),
    ),
    (
        r"no kernel image is available|driver version is insufficient|driver.*too old|found no nvidia driver",
        Cause(
            "the image does not fit the nodes' GPUs or their driver",
            "choose an image that is built for these GPUs, or have the driver brought up to date",
        ),
    ),
    (
        r"no space left on device|ephemeral.storage|disk.?pressure",
        Cause("a disk is full", "give the pod more ephemeral storage, or the model's volume more room"),
    ),
    (
        r"nosuchbucket|nosuchkey|no such (bucket|key)|repository ?not ?found|revisionnotfound|404 client error"
        r"|blobnotfound|has no model",
        Cause("the model is not where storage_uri says", "correct the model's storage_uri, or upload the model there"),
    ),
    (
        r"accessdenied|access denied|invalidaccesskeyid|signaturedoesnotmatch|403 client error|401 client error"
        r"|unable to locate credentials|nocredentials",
        Cause(
            "the storage refuses the credentials",
            "correct the Secret with the storage's credentials, or its key mapping in the environment's file",
        ),
    ),
    (
        r"could not connect to the endpoint|name or service not known|temporary failure in name resolution"
        r"|connection refused|connecttimeout|no route to host",
        Cause("a server that it needs cannot be reached", "check the address and the network policies"),
    ),
    (
        r"executable file not found|no such file or directory|exec format error",
        Cause("its command cannot be started", "correct the command, or choose an image built for these nodes"),
    ),
)
_PULL = (
    (
        r"unauthorized|denied|authentication required|no basic auth|403 forbidden",
        Cause("the registry refuses", "check the pull secret of the environment, and the image's name"),
    ),
    (r"toomanyrequests|rate limit|429", Cause("the registry limits requests", "pull with an account, or use a mirror")),
    (
        r"not found|manifest unknown|not present with pull policy|errimageneverpull|name unknown",
        Cause("there is no such image", "correct the image's name or tag, or push the image"),
    ),
    (
        r"invalidimagename|invalid reference format|couldn't parse image",
        Cause("that is no name of an image", "correct the image's name"),
    ),
    (
        r"no such host|timeout|timed out|connection refused|connection reset|eof|x509|unavailable",
        Cause("the registry cannot be reached", "check the registry and the nodes' way to it"),
    ),
    (r"no space left", Cause("the node's disk is full", "have the node's images cleaned up")),
)
_SCHEDULE = (
    (
        r"persistentvolumeclaim .* not found",
        Cause("its volume claim does not exist", "make the PersistentVolumeClaim that is named, or correct its name"),
    ),
    (
        r"unbound immediate persistentvolumeclaims",
        Cause("its volume claim is not bound", "see `kubectl describe pvc`: the claim waits for a volume"),
    ),
    (
        r"insufficient [a-z0-9.]+/(gpu|mig)",
        Cause(
            "not enough GPUs are free",
            "wait, free GPUs (stop or scale down another endpoint), add nodes, or ask for fewer GPUs",
        ),
    ),
    (
        r"insufficient (cpu|memory|ephemeral-storage)",
        Cause("not enough CPU or memory is free", "wait, add nodes, or ask for less CPU or memory"),
    ),
    (
        r"didn't match pod's node affinity|node\(s\) didn't match|untolerated taint",
        Cause(
            "no node is of the kind that it asks for",
            "check node selector, tolerations and GPU memory of the endpoint against the cluster's nodes",
        ),
    ),
)
_REFUSED = (
    (
        r"exceeded quota",
        Cause(
            "a quota of the namespace is used up",
            "raise the quota, scale another endpoint down, or ask for less",
            Reason.QUOTA_EXCEEDED,
        ),
    ),
    (r"violates podsecurity", Cause("the namespace's pod security forbids it", "correct the pods' security context")),
    (
        r"serviceaccount .* not found|error looking up service account",
        Cause("its service account does not exist", "make the ServiceAccount, or correct its name in the environment"),
    ),
    (
        r"no priorityclass",
        Cause("its priority class does not exist", "make the PriorityClass, or correct its name in the environment"),
    ),
    (
        r"failed calling webhook",
        Cause("an admission webhook does not answer", "see whether the webhook that is named runs"),
    ),
    (
        r"admission webhook|validatingadmissionpolicy|denied the request",
        Cause("an admission policy refuses it", "change what it names; who wrote the policy can say more"),
    ),
)
_TABLES: dict[Reason, tuple[tuple[str, Cause], ...]] = {
    Reason.IMAGE_PULL: _PULL,
    Reason.UNSCHEDULABLE: _SCHEDULE,
    Reason.PODS_REFUSED: _REFUSED,
    Reason.CRASH_LOOP: _SERVER,
    Reason.OUT_OF_MEMORY: _SERVER,
    Reason.DOWNLOAD_FAILED: _SERVER,
    Reason.LOAD_TIMEOUT: _SERVER,
}
_COMPILED = {
    reason: tuple((re.compile(pattern, re.IGNORECASE), cause) for pattern, cause in table)
    for reason, table in _TABLES.items()
}

HINTS: dict[Reason, str] = {
    Reason.IMAGE_PULL: "check the image's name, the pull secret and the registry",
    Reason.CRASH_LOOP: "read the server's last words: `kubectl logs POD --previous`",
    Reason.OUT_OF_MEMORY: "raise the memory limit, or choose a smaller model, context or batch",
    Reason.UNSCHEDULABLE: "compare what the pod asks for with the nodes: `kubectl describe pod`",
    Reason.CONFIG_ERROR: "make the Secret, ConfigMap or key that is named, or correct its name",
    Reason.MOUNT_FAILED: "check the volume, claim, Secret or ConfigMap that is named",
    Reason.DOWNLOAD_FAILED: "check storage_uri and the storage's credentials; `kubectl logs -c CONTAINER` says more",
    Reason.QUOTA_EXCEEDED: "raise the quota, scale another endpoint down, or ask for less",
    Reason.PODS_REFUSED: "change what the message names; the API server refuses such pods",
    Reason.LOAD_TIMEOUT: "read the server's log; if it only needs longer, raise budgets.loadSeconds",
    Reason.DOWNLOAD_TIMEOUT: "if the download only needs longer, raise budgets.downloadSeconds",
    Reason.PULL_TIMEOUT: "see the pod's events; large images are best pulled onto the nodes beforehand",
    Reason.DRAIN_TIMEOUT: "see what keeps the old pods: finalizers, a node that is gone, another owner",
    Reason.EVICTED: "see why the nodes lose their pods: memory or disk pressure, priorities, spot nodes",
    Reason.INVALID_SPEC: "correct what the controller names in the endpoint's file or the template",
    Reason.CONTROLLER_SILENT: "see whether the controller runs, and its log",
}
"""What to do next where the words are not known."""


def find_cause(reason: Reason, words: str) -> Cause | None:
    """The first entry of the reason's table that the words match."""
    for pattern, cause in _COMPILED.get(reason, ()):
        if pattern.search(words):
            return cause
    return None
