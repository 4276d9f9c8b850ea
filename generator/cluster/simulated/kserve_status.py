"""What an InferenceService says of itself, with the ways in which KServe's status lies.

Owns: conditions, modelStatus, the foreign observedGeneration. Refuses: making children.
Source: a real KServe 0.17: it is not Ready in the middle of a rollout although all old pods serve, observedGeneration
counts the Deployment's, and a model that was loaded once stays `Loaded` whatever becomes of the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generator.cluster.port import Body
from generator.cluster.simulated.bodies import find_condition
from generator.cluster.simulated.world import DEPLOYMENT, World

MANAGER = "manager"


class InferenceServiceStatus:
    """Writes the status of InferenceServices."""

    def __init__(self, world: World) -> None:
        self._world = world

    def write(self, service: Body, stopped: bool) -> None:
        """Write it where it changed."""
        status = self._say_stopped(service) if stopped else self._say(service)
        self._world.update({**service, "status": status}, MANAGER, "status")

    def _say_stopped(self, service: Body) -> dict[str, Any]:
        words = {"reason": "Stopped"}
        return {
            "conditions": [
                self._condition(service, "PredictorReady", "False", words),
                self._condition(service, "Ready", "False", words),
                self._condition(service, "Stopped", "True", {"severity": "Info"}),
            ],
            "deploymentMode": "Standard",
            "modelStatus": {"transitionStatus": ""},
        }

    def _say(self, service: Body) -> dict[str, Any]:
        metadata = service["metadata"]
        namespace, name = str(metadata["namespace"]), str(metadata["name"])
        deployment = self._world.store.find((DEPLOYMENT, namespace, f"{name}-predictor"))
        status, words = _read_predictor(deployment)
        ready = "True" if status == "True" else "False"
        why = {} if status == "True" else {"reason": "Predictor ingress not created"}
        status_now: dict[str, Any] = {
            "address": {"url": f"http://{name}-predictor.{namespace}.svc.cluster.local"},
            "components": {"predictor": {"url": f"http://{name}-predictor-{namespace}.example.com"}},
            "conditions": [
                self._condition(service, "IngressReady", ready, why),
                self._condition(service, "PredictorReady", status, words),
                self._condition(service, "Ready", ready, why),
                self._condition(service, "Stopped", "False", {"severity": "Info"}),
            ],
            "deploymentMode": "Standard",
            "modelStatus": _read_model(service, deployment, status == "True"),
            "url": f"http://{name}-{namespace}.example.com",
        }
        observed = ((deployment or {}).get("status") or {}).get("observedGeneration")
        return {**status_now, "observedGeneration": observed} if observed else status_now

    def _condition(self, service: Body, name: str, status: str, words: Mapping[str, str]) -> dict[str, Any]:
        known = find_condition(service, name)
        since = known["lastTransitionTime"] if known.get("status") == status else self._world.now_text()
        return {"lastTransitionTime": since, "status": status, "type": name, **words}


def _read_model(service: Body, deployment: Body | None, is_ready: bool) -> dict[str, Any]:
    """Whether a model is loaded. A model that was loaded once stays `Loaded`, whatever becomes of the next one."""
    states = ((service.get("status") or {}).get("modelStatus") or {}).get("states") or {}
    active = "Loaded" if is_ready else states.get("activeModelState", "")
    copies = {"failedCopies": 0}
    if active:
        copies["totalCopies"] = int(((deployment or {}).get("status") or {}).get("replicas", 0))
    return {
        "copies": copies,
        "states": {"activeModelState": active, "targetModelState": "Loaded" if is_ready else "Pending"},
        "transitionStatus": "UpToDate" if is_ready else "InProgress",
    }


def _read_predictor(deployment: Body | None) -> tuple[str, dict[str, str]]:
    """Status and words of PredictorReady."""
    if deployment is None:
        return "Unknown", {}
    progressing, available = find_condition(deployment, "Progressing"), find_condition(deployment, "Available")
    if not available or not progressing:
        return "Unknown", {}
    if progressing["status"] == "False":
        status, said = "False", progressing
    elif available["status"] != "True":
        status, said = "False", available
    else:
        status = "True" if progressing["reason"] == "NewReplicaSetAvailable" else "Unknown"
        said = progressing
    return status, {"reason": str(said["reason"]), "message": str(said["message"])}
