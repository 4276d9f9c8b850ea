"""How a model's files reach its server: a mounted claim, an init container that downloads, or KServe's own way.

Owns: the choice and its values for templates. Refuses: credentials themselves (Secrets are named, never read).

An own init container named `storage-initializer` keeps KServe from adding one (its pod webhook looks for the name),
so in Standard mode the environment's mapping of credentials works as with a Deployment. Knative does not allow init
containers and claims by default, but KServe's webhook adds them to the pod where `STORAGE_URI` is given; it takes
credentials from the Secret that an annotation names, under key names of its own. `oci://` is KServe's alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from generator.render.arguments import escape_expansion
from generator.render.servers import MODEL_PATH
from generator.spec.names import ImageReference, storage_scheme
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.sections import StorageCredentials

GOOGLE_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
"""The variable by which Google's library finds a file; what is in the file is no use to it."""

_NO_FILE = (
    f"{GOOGLE_FILE} must name a file, and revstamp mounts none into the storage initializer: gs:// will not be read "
    "with it. Give the pods an identity instead (pod.serviceAccountName of a workload identity), or let KServe fetch "
    "(kserve.mode Knative or kserve.predictor model) from a Secret with the key gcloud-application-credentials.json"
)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What templates need to know about the model's files. Exactly one of the ways is set, or none.

    `values` are for templates; `server_env` is added to the server's variables, `annotations` to an InferenceService.
    """

    values: Mapping[str, Any]
    server_env: tuple[Mapping[str, Any], ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def plan_model_files(endpoint: ResolvedEndpoint) -> ModelFiles:
    """The way in which this endpoint's server gets its model."""
    uri = endpoint.model.storage_uri
    values: dict[str, Any] = {"path": MODEL_PATH, "claim": None, "sub_path": None, "download": None, "uri": uri}
    if uri is None:
        return ModelFiles(values)
    scheme = storage_scheme(uri)
    if endpoint.kserve_fetches:
        return _by_kserve(endpoint, uri, scheme, values)
    if scheme == "pvc":
        claim, _, path = uri.removeprefix("pvc://").partition("/")
        return ModelFiles({**values, "claim": claim, "sub_path": path.strip("/") or None})
    credentials = _credentials(endpoint, scheme)
    download = {
        "image": endpoint.storage_initializer_image,
        "image_pull_policy": pull_policy(endpoint.storage_initializer_image),
        "args": [escape_expansion(uri), MODEL_PATH],
        "env": _credential_env(credentials),
    }
    given = {*credentials.keys, *(credentials.env or {})} if credentials is not None else set()
    wants_file = scheme == "gs" and GOOGLE_FILE in given
    return ModelFiles({**values, "download": download}, warnings=(_NO_FILE,) if wants_file else ())


def pull_policy(image: str) -> str:
    """Always for a tag that may be another image tomorrow, so that all replicas run the same one."""
    reference = ImageReference.parse(image)
    return "Always" if reference is None or reference.is_mutable else "IfNotPresent"


def _by_kserve(endpoint: ResolvedEndpoint, uri: str, scheme: str, values: Mapping[str, Any]) -> ModelFiles:
    """KServe's own storage initializer; its credentials are those of the named Secret or the service account."""
    env = () if endpoint.kserve.predictor == "model" else ({"name": "STORAGE_URI", "value": escape_expansion(uri)},)
    credentials = _credentials(endpoint, scheme)
    if credentials is None:
        return ModelFiles(values, env)
    names = "gcloud-application-credentials.json" if scheme == "gs" else "awsAccessKeyID, awsSecretAccessKey, HF_TOKEN"
    warning = (
        f"KServe's own storage initializer reads Secret {credentials.secret!r} by KServe's key names ({names}, …): "
        "the environment's mapping of keys and variables is not applied"
    )
    return ModelFiles(values, env, {"serving.kserve.io/storageSecretName": credentials.secret}, (warning,))


def _credentials(endpoint: ResolvedEndpoint, scheme: str) -> StorageCredentials | None:
    return next((entry for entry in endpoint.storage_credentials if entry.scheme == scheme), None)


def _credential_env(credentials: StorageCredentials | None) -> list[dict[str, Any]]:
    """Variables of the initializer by name, so that another order in the environment file restarts nothing."""
    if credentials is None:
        return []
    env: dict[str, dict[str, Any]] = {
        name: {"name": name, "value": escape_expansion(value)}
        for name, value in (credentials.env or {}).items()
        if value
    }
    for name, key in credentials.keys.items():
        env[name] = {"name": name, "valueFrom": {"secretKeyRef": {"name": credentials.secret, "key": key}}}
    return [env[name] for name in sorted(env)]
