"""Argo CD beside a cluster of the testbed: the controller and the repository server that roll out what git says.

Owns: its kinds, settings and processes in a namespace of its own, and Applications made, refreshed, waited for and
removed. Refuses: its page and API server, single sign-on and notifications; nobody looks at a test.

Its controller serves metrics on all addresses of the machine: it has no flag for that.
"""

from __future__ import annotations

import secrets
import tempfile
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.cluster.runner import free_ports
from tests.testbed.kube.api import Api, ApiError, Object
from tests.testbed.kube.manifests import read_manifests
from tests.testbed.machine import ENVIRONMENT
from tests.testbed.supervisor import Command, Supervised

_GROUP = "argoproj.io/v1alpha1"
_PARTS = ("argocd-repo-server", "argocd-application-controller")


@dataclass(frozen=True)
class Programs:
    """Folders of modules in the cache: Argo CD's and that of the stand-in for Redis."""

    argocd: Path
    redis: Path


class ArgoCd:
    """Argo CD of one test process. Applications may name `https://kubernetes.default.svc`: it is the cluster itself."""

    def __init__(self, programs: Programs, kubeconfig: Path, api: Api) -> None:
        """Returns when it is ready. Raises ServiceFailed."""
        self._api = api
        self.namespace = f"argocd-{secrets.token_hex(4)}"
        self._install(programs.argocd / "files/manifests")
        self._services = self._start(programs, kubeconfig)

    def stop(self) -> None:
        """End it, and remove its namespace with all Applications. Its kinds stay: another may be using them."""
        self._services.stop()
        self._api.delete(f"/api/v1/namespaces/{self.namespace}")

    def log(self) -> str:
        """What the controller has written so far."""
        return self._services.log("argocd-application-controller")

    def add_repository(self, url: str, password: str, user: str = "owner") -> None:
        """Let it log in at a repository that is not open to all."""
        self._api.create(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "generateName": "repository-",
                    "namespace": self.namespace,
                    "labels": {"argocd.argoproj.io/secret-type": "repository"},
                },
                "stringData": {"type": "git", "url": url, "username": user, "password": password},
            }
        )

    def follow(self, name: str, application: Object) -> None:
        """Make an Application under a name of the test's own; what it says is rolled out from now on."""
        metadata = {**application["metadata"], "name": name, "namespace": self.namespace}
        self._api.create({**application, "metadata": metadata})

    def refresh(self, name: str) -> None:
        """Look at git now, as after a forge's webhook; by itself it looks every two minutes."""
        annotations = {"argocd.argoproj.io/refresh": "normal"}
        self._api.patch(self._path(name), {"metadata": {"annotations": annotations}})

    def wait_until_good(self, name: str, commit: str, seconds: float = 90.0) -> Object:
        """Until the commit is Synced and Healthy and its operation Succeeded; the Application.

        The three are read together: each alone comes early. AssertionError with its state where it takes longer.
        """
        return self._api.wait(self._path(name), lambda found: is_good(found, commit), seconds)

    def forget(self, name: str) -> None:
        """Remove an Application; what it rolled out stays, and nobody brings it back."""
        self._api.delete(self._path(name))

    def _path(self, name: str) -> str:
        return f"/apis/{_GROUP}/namespaces/{self.namespace}/applications/{name}"

    def _install(self, manifests: Path) -> None:
        for kind in read_manifests((manifests / "crds").glob("*-crd.yaml")):
            self._api.apply(kind)
        self._wait_for_kinds()
        self._api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        for each in read_manifests((manifests / "base/config").glob("argocd-*.yaml")):
            each["metadata"]["namespace"] = self.namespace
            if each["kind"] == "Secret":
                each["stringData"] = {"server.secretkey": secrets.token_urlsafe(32)}
            self._api.apply(each)
        project = {
            "sourceRepos": ["*"],
            "destinations": [{"namespace": "*", "server": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        }
        self._api.apply(
            {
                "apiVersion": _GROUP,
                "kind": "AppProject",
                "metadata": {"name": "default", "namespace": self.namespace},
                "spec": project,
            }
        )

    def _wait_for_kinds(self, seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(ApiError):
                served = {each["name"] for each in self._api.get(f"/apis/{_GROUP}")["resources"]}
                if {"applications", "appprojects"} <= served:
                    return
            time.sleep(0.1)
        raise AssertionError("the API server does not serve Argo CD's kinds")

    def _start(self, programs: Programs, kubeconfig: Path) -> Supervised:
        folder = Path(tempfile.mkdtemp(prefix="revstamp-argocd-"))
        for part in (*_PARTS, "argocd"):  # one binary, which does what its name says; git asks the last for passwords
            (folder / part).symlink_to(programs.argocd / "bin/argocd")
        for each in ("tls", "ssh", "gpg"):
            (folder / each).mkdir()
        redis, repository, repository_metrics, controller = free_ports(4)
        environment = _environment(folder, kubeconfig)
        shared = ["--redis", f"127.0.0.1:{redis}", "--loglevel", "info"]
        services = Supervised(
            folder,
            [
                Command("redis", [str(programs.redis / "bin/redis"), f"127.0.0.1:{redis}"], environment=environment),
                Command(
                    _PARTS[0],
                    [
                        *(str(folder / _PARTS[0]), *shared, "--disable-tls"),
                        *("--address", "127.0.0.1", "--port", str(repository)),
                        *("--metrics-address", "127.0.0.1", "--metrics-port", str(repository_metrics)),
                    ],
                    environment=environment,
                ),
                Command(
                    _PARTS[1],
                    [
                        *(str(folder / _PARTS[1]), *shared, "--repo-server-plaintext"),
                        *("--repo-server", f"127.0.0.1:{repository}", "--metrics-port", str(controller)),
                        *("--kubeconfig", str(kubeconfig), "--namespace", self.namespace),
                    ],
                    environment=environment,
                ),
            ],
            environment=ENVIRONMENT,
        )
        try:
            services.wait_until(lambda: _answers(repository_metrics) and _answers(controller), seconds=60)
        except BaseException:
            services.stop()
            raise
        return services


def is_good(application: Object, commit: str) -> bool:
    """Whether Argo CD says that the commit is rolled out and all of it is healthy."""
    status = application.get("status", {})
    sync, operation = status.get("sync", {}), status.get("operationState", {})
    return (
        (sync.get("status"), sync.get("revision")) == ("Synced", commit)
        and status.get("health", {}).get("status") == "Healthy"
        and (operation.get("phase"), operation.get("syncResult", {}).get("revision")) == ("Succeeded", commit)
    )


def _environment(folder: Path, kubeconfig: Path) -> dict[str, str]:
    return {
        "HOME": str(folder),
        "PATH": f"{folder}:{ENVIRONMENT.get('PATH', '/usr/bin:/bin')}",
        "TMPDIR": str(folder),
        "KUBECONFIG": str(kubeconfig),
        "ARGOCD_FAKE_IN_CLUSTER": "true",  # https://kubernetes.default.svc is what the kubeconfig says
        "ARGOCD_GPG_ENABLED": "false",
        "ARGOCD_GNUPGHOME": str(folder / "gpg"),
        "ARGOCD_TLS_DATA_PATH": str(folder / "tls"),
        "ARGOCD_SSH_DATA_PATH": str(folder / "ssh"),
        "ARGOCD_ASK_PASS_SOCK": str(folder / "askpass.sock"),
        "REDIS_PASSWORD": secrets.token_hex(16),
    }


def _answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
        return bool(answer.status == 200)
    return False
