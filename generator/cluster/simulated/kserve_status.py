"""What an InferenceService says of itself, with the ways in which KServe's status lies.

Owns: conditions, modelStatus, the foreign observedGeneration. Refuses: making children.
Source: a real KServe 0.17: Ready stays True in the middle of a rollout, observedGeneration counts the Deployment's,
lastFailureInfo reads one pod and is never cleared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generator.cluster.port import Body
from generator.cluster.simulated.bodies import find_condition
from generator.cluster.simulated.world import DEPLOYMENT, POD, REPLICA_SET, World

MANAGER = "manager"


class InferenceServiceStatus:
    """Writes the status of InferenceServices."""

    def __init__(self, world: World) -> None:
        self._world = world

    def write(self, service: Body, stopped: bool) -> None:
        """Write it where it changed."""
        metadata = service["metadata"]
        namespace, name = str(metadata["namespace"]), str(metadata["name"])
        deployment = self._world.store.find((DEPLOYMENT, namespace, f"{name}-predictor"))
        ready = _read_predictor(deployment)
        conditions = [
            self._condition(service, "IngressReady", "False" if stopped else "True", {}),
            self._condition(service, "PredictorReady", *ready),
            self._condition(service, "Ready", ready[0], {} if ready[0] == "True" else ready[1]),
            self._condition(service, "Stopped", str(stopped), {} if stopped else {"severity": "Info"}),
        ]
        status = {
            **(service.get("status") or {}),
            "address": {"url": f"http://{name}-predictor.{namespace}.svc.cluster.local"},
            "components": {"predictor": {"url": f"http://{name}-predictor-{namespace}.example.com"}},
            "conditions": conditions,
            "deploymentMode": "Standard",
            "modelStatus": self._model_status(service, deployment),
            "observedGeneration": ((deployment or {}).get("status") or {}).get("observedGeneration", 0),
            "url": f"http://{name}-{namespace}.example.com",
        }
        self._world.update({**service, "status": status}, MANAGER, "status")

    def _condition(self, service: Body, name: str, status: str, words: Mapping[str, str]) -> dict[str, Any]:
        known = find_condition(service, name)
        since = known["lastTransitionTime"] if known.get("status") == status else self._world.now_text()
        return {"lastTransitionTime": since, "status": status, "type": name, **words}

    def _model_status(self, service: Body, deployment: Body | None) -> dict[str, Any]:
        before = (service.get("status") or {}).get("modelStatus") or {}
        status = (deployment or {}).get("status") or {}
        failure = before.get("lastFailureInfo") or self._read_failure(deployment)
        if status.get("availableReplicas", 0):
            states, transition = {"activeModelState": "Loaded", "targetModelState": "Loaded"}, "UpToDate"
        elif self._read_failure(deployment):
            states, transition = {"activeModelState": "", "targetModelState": "FailedToLoad"}, "BlockedByFailedLoad"
        else:
            states, transition = {"activeModelState": "", "targetModelState": "Pending"}, "InProgress"
        found: dict[str, Any] = {
            "copies": {"failedCopies": 0, "totalCopies": int(status.get("replicas", 0))},
            "states": states,
            "transitionStatus": transition,
        }
        return {**found, "lastFailureInfo": failure} if failure else found

    def _read_failure(self, deployment: Body | None) -> dict[str, Any]:
        """Of the first pod only, and only where its container crashes."""
        if deployment is None:
            return {}
        sets = self._world.store.children(str(deployment["metadata"]["uid"]), REPLICA_SET)
        pods = [pod for one in sets for pod in self._world.store.children(str(one["metadata"]["uid"]), POD)]
        for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))[:1]:
            for container in (pod.get("status") or {}).get("containerStatuses") or ():
                waits = (container.get("state") or {}).get("waiting") or {}
                ended = (container.get("lastState") or {}).get("terminated") or {}
                if waits.get("reason") == "CrashLoopBackOff" and ended:
                    return {"exitCode": ended["exitCode"], "reason": "ModelLoadFailed", "message": ended["reason"]}
        return {}


def _read_predictor(deployment: Body | None) -> tuple[str, dict[str, str]]:
    """Status and words of PredictorReady."""
    if deployment is None:
        return "False", {"reason": "Stopped", "message": "there is no Deployment"}
    progressing, available = find_condition(deployment, "Progressing"), find_condition(deployment, "Available")
    is_settled = progressing.get("status") == "False" or available.get("status") == "True"
    said = progressing if is_settled else available
    if not said:
        return "Unknown", {}
    status = "True" if said is progressing and progressing.get("status") == "True" else "False"
    return status, {"reason": str(said["reason"]), "message": str(said["message"])}
