"""Names: of endpoints, objects, images, routes and storage, and where an endpoint's files are kept.

Owns: what a name may look like and how names are derived. Refuses: whether a name is taken.
Sources: RFC 1035 and RFC 1123 labels as Kubernetes applies them; the image grammar of the OCI distribution
specification.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from generator.spec.text import shown

MAX_ENDPOINT_NAME = 45
"""`isvc.<name>-predictor` is a label value (63) and `<name>-predictor-00001` a Knative revision (63)."""
MAX_ROUTE = 200
MAX_STORAGE_URI = 1024
MAX_REPOSITORY = 255
MAX_IMAGE = MAX_REPOSITORY + 1 + 128 + 1 + 71

OWN_LABELS = frozenset({"app", "endpoint-id", "app.kubernetes.io/managed-by"})
"""Labels without revstamp's prefix that it sets, or that a platform's selectors go by."""

KSERVE_PREFIXES = frozenset(
    {"serving.kserve.io", "internal.serving.kserve.io", "kserve.io", "serving.knative.dev", "internal.knative.dev"}
)
"""Of the labels by which KServe and Knative find their own objects and pods."""

ANNOTATION_FIELDS: Mapping[str, str] = {
    "serving.kserve.io/deploymentMode": "kserve.mode",
    "serving.kserve.io/autoscalerClass": "autoscaling",
    "serving.kserve.io/stop": "replicas.min: 0 and replicas.max: 0",
    "serving.kserve.io/storageSecretName": "storage.credentials",
    "serving.knative.dev/progress-deadline": "budgets.progressDeadlineSeconds",
}
"""Annotations that revstamp derives from fields. On pods they would win over those of the InferenceService."""

DNS1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
DNS1123 = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SECRET_KEY = re.compile(r"(?!\.$|\.\.)[-._a-zA-Z0-9]+")
ROUTE = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._~-]*)+")
BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*)*")
HOST = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
STORAGE = re.compile(
    r"(?P<scheme>s3|gs|hf|hdfs|webhdfs|modelscope|https?|pvc|oci)://(?P<rest>[A-Za-z0-9][A-Za-z0-9._~:@%+,=/-]*)"
)
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}")
IMAGE = re.compile(
    r"(?P<repository>(?:(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
    r"(?:\.(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]))*(?::[0-9]{1,5})?/)?"
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[a-f0-9]{64}))?"
)


def is_endpoint_name(name: str) -> bool:
    """Whether the name can carry every object that is derived from it (DNS-1035, at most 45 characters)."""
    return len(name) <= MAX_ENDPOINT_NAME and DNS1035.fullmatch(name) is not None


def is_dns_label(name: str) -> bool:
    """Whether the name is an RFC 1123 label of at most 63 characters (namespaces, environments)."""
    return len(name) <= 63 and DNS1123.fullmatch(name) is not None


def is_dns_subdomain(name: str) -> bool:
    """Whether the name is an RFC 1123 subdomain of at most 253 characters (most objects)."""
    return len(name) <= 253 and SUBDOMAIN.fullmatch(name) is not None


def is_label_value(value: str) -> bool:
    """Whether Kubernetes takes the text as the value of a label."""
    return len(value) <= 63 and LABEL_VALUE.fullmatch(value) is not None


def is_label_key(key: str) -> bool:
    """Whether Kubernetes takes the text as the key of a label or an annotation."""
    prefix, slash, name = key.rpartition("/")
    return len(name) <= 63 and LABEL_NAME.fullmatch(name) is not None and (not slash or is_dns_subdomain(prefix))


def is_reserved_key(key: str) -> bool:
    """Whether a label or annotation key is revstamp's own: `revstamp.io/…` and below."""
    prefix = key.rpartition("/")[0]
    return prefix == "revstamp.io" or prefix.endswith(".revstamp.io")


def label_owner(key: str) -> str | None:
    """Whose label this is, where it is not people's: what objects and pods are found and owned by."""
    prefix = key.rpartition("/")[0]
    if is_reserved_key(key) or key in OWN_LABELS:
        return "revstamp"
    if prefix in KSERVE_PREFIXES:
        return "KServe and Knative"
    return "Kubernetes" if key == "pod-template-hash" else None


def is_env_name(name: str) -> bool:
    """Whether the text is a C identifier, the one form of variable name that every Kubernetes takes."""
    return len(name) <= 253 and ENV_NAME.fullmatch(name) is not None


def is_secret_key(key: str) -> bool:
    """Whether a Secret can have such a key: a file name that leads nowhere else."""
    return len(key) <= 253 and SECRET_KEY.fullmatch(key) is not None


def is_branch(name: str) -> bool:
    """Whether git takes the text as the name of a branch, and no shell or option parser as something else."""
    if len(name) > 200 or BRANCH.fullmatch(name) is None or ".." in name:
        return False
    return not any(part.endswith((".lock", ".")) or part.startswith(".") for part in name.split("/"))


def is_host(host: str) -> bool:
    """Whether the text is a host name, with or without a wildcard as first label."""
    return len(host) <= 253 and HOST.fullmatch(host) is not None


def is_route(route: str) -> bool:
    """Whether the route is an absolute path of plain segments: no empty ones, no `.` or `..`, no patterns."""
    return len(route) <= MAX_ROUTE and ROUTE.fullmatch(route) is not None


def is_storage_uri(uri: str) -> bool:
    """Whether the URI has a scheme that a storage initializer knows (kubernetes-rules), no `..`, and no password."""
    match = STORAGE.fullmatch(uri) if len(uri) <= MAX_STORAGE_URI else None
    parts = match["rest"].split("/") if match else [".."]
    return ".." not in parts and "@" not in parts[0]


def storage_scheme(uri: str) -> str:
    """The scheme of a storage URI: `s3`, `pvc`, …"""
    return uri.split("://", 1)[0]


def read_uuid(text: str) -> str:
    """A UUID in its one spelling, from upper or lower case, with or without hyphens. ValueError if it is none."""
    if UUID_TEXT.fullmatch(text) is None:
        raise ValueError(f"{shown(text)} is not a UUID")
    return str(UUID(text))


def endpoint_name(endpoint_id: str) -> str:
    """The platform's name for an endpoint: `svc-` and the first 12 hex digits of its id. ValueError if no UUID."""
    return f"svc-{read_uuid(endpoint_id).replace('-', '')[:12]}"


def shard_of(name: str, shards: int) -> str:
    """The folder that holds an endpoint's generated files: hex digits of a hash of its name.

    `shards` is a power of 16 from 16 to 4096, fixed when the repository is made; so no folder grows past some
    thousand entries, whatever the names are.
    """
    digits = len(f"{shards - 1:x}")
    return hashlib.sha256(name.encode()).hexdigest()[:digits]


@dataclass(frozen=True, slots=True)
class ImageReference:
    """A container image reference, taken apart."""

    repository: str
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, text: str) -> ImageReference | None:
        """The parts, or None where the text is not an image reference."""
        match = IMAGE.fullmatch(text) if len(text) <= MAX_IMAGE else None
        if match is None or len(match["repository"]) > MAX_REPOSITORY:
            return None
        return cls(match["repository"], match["tag"], match["digest"])

    @property
    def is_mutable(self) -> bool:
        """Whether the registry may answer with another image tomorrow: no digest, and no tag or `latest`."""
        return self.digest is None and self.tag in (None, "latest")
