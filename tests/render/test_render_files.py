"""Claims about how a model's files reach its server."""

from __future__ import annotations

from generator.spec.sections import StorageCredentials
from tests.render.rendering import body, kserve, pod_of, warned


def test_a_download_is_an_init_container_with_arguments_and_references_only() -> None:
    download = pod_of(body("Deployment"))["initContainers"][0]
    assert download["name"] == "storage-initializer"
    assert download["args"] == ["s3://models/llama-chat/1.2.0", "/mnt/models"]
    assert "command" not in download
    values = [variable for variable in download["env"] if "value" in variable]
    assert values == [{"name": "AWS_DEFAULT_REGION", "value": "us-east-1"}]
    assert "nvidia.com/gpu" not in str(download["resources"])


def test_a_claim_is_mounted_read_only_at_its_path() -> None:
    pod = pod_of(body("Deployment", model__storage_uri="pvc://models/llama/1"))
    assert "initContainers" not in pod
    assert pod["volumes"][0]["persistentVolumeClaim"] == {"claimName": "models", "readOnly": True}
    mount = {"name": "model", "mountPath": "/mnt/models", "subPath": "llama/1", "readOnly": True}
    assert pod["containers"][0]["volumeMounts"][0] == mount


def test_credentials_are_those_of_the_uris_scheme() -> None:
    assert "env" not in pod_of(body("Deployment", model__storage_uri="hf://org/model"))["initContainers"][0]


def test_kserve_standard_downloads_by_the_environments_own_mapping() -> None:
    predictor = pod_of(kserve())
    assert predictor["initContainers"][0]["name"] == "storage-initializer"
    assert "STORAGE_URI" not in str(predictor)


def test_knative_and_oci_leave_the_download_to_kserve() -> None:
    for overrides in ({"kserve__mode": "Knative"}, {"model__storage_uri": "oci://registry/model:1"}):
        predictor = pod_of(kserve(**overrides))
        assert "initContainers" not in predictor
        assert predictor["containers"][0]["env"][-1]["name"] == "STORAGE_URI"
    annotations = kserve(kserve__mode="Knative")["metadata"]["annotations"]
    assert annotations["serving.kserve.io/storageSecretName"] == "minio-secret"


def test_a_file_that_is_not_mounted_is_warned_about() -> None:
    """Google's library wants the path of a file, which a variable from a Secret is not."""
    google = StorageCredentials(scheme="gs", secret="gcp", keys={"GOOGLE_APPLICATION_CREDENTIALS": "key.json"})
    given = {"model__storage_uri": "gs://models/a", "storage_credentials": (google,)}
    assert warned("revstamp mounts none into the storage initializer", **given)
    assert not warned("mounts none", **{**given, "storage_credentials": ()})
    assert not warned("mounts none", storage_credentials=(google,))
    by_kserve = {**given, "framework": "kserve", "kserve__mode": "Knative"}
    assert warned("by KServe's key names (gcloud-application-credentials.json", **by_kserve)
    assert not warned("mounts none", **by_kserve)
