"""etcd, API server, controllers, scheduler and the fake kubelet.

Owns: their flags, each with its reason, and their files below the cluster's folder. Refuses: what is put into it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.binaries import Programs
from tests.testbed.cluster.pod_stages import make_pod_stages
from tests.testbed.cluster.route_stages import make_route_stages
from tests.testbed.cluster.runner import Runner, free_ports
from tests.testbed.cluster.stages import write_stages
from tests.testbed.kube.api import Api, ApiError
from tests.testbed.kube.kubeconfig import write_kubeconfig

_ADMIN = "testbed-admin"
# Who may do what: each program with rights of its own, as in a real cluster; KServe and the fake kubelet with all.
_USERS = {
    _ADMIN: "system:masters",
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
    "testbed-kwok": "system:masters",
    "testbed-kserve": "system:masters",
}


@dataclass(frozen=True)
class ControlPlane:
    """A running API server. `kubeconfigs` by user name."""

    folder: Path
    server: str
    kubeconfigs: dict[str, Path]

    @property
    def admin(self) -> Path:
        """The kubeconfig of somebody who may do anything."""
        return self.kubeconfigs[_ADMIN]

    @property
    def certificate(self) -> Path:
        """The API server's own, for 127.0.0.1, with the authority that signed it; the key is beside it."""
        return self.folder / "apiserver" / "apiserver.crt"


def start_api_server(runner: Runner, programs: Programs, folder: Path) -> ControlPlane:
    """etcd and the API server; returns when it is ready. Raises ClusterFailed."""
    client, peer, secure = free_ports(3)
    key = _start_etcd(runner, programs, folder, client, peer)
    tokens = {user: secrets.token_urlsafe(24) for user in _USERS}
    lines = [f'{tokens[user]},{user},{user},"{group}"\n' for user, group in _USERS.items()]
    token_file = folder / "tokens.csv"
    token_file.touch(mode=0o600)
    token_file.write_text("".join(lines), encoding="utf-8")
    plane = ControlPlane(
        folder, f"https://127.0.0.1:{secure}", {user: folder / f"{user}.kubeconfig" for user in _USERS}
    )
    runner.start(
        "apiserver",
        [
            programs.apiserver,
            f"--etcd-servers=http://127.0.0.1:{client}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",  # a loopback address may not be an endpoint
            f"--secure-port={secure}",
            f"--cert-dir={folder / 'apiserver'}",  # it makes a certificate of its own there
            f"--token-auth-file={token_file}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--profiling=false",
        ],
    )
    runner.wait("apiserver", plane.certificate.exists)
    for user, path in plane.kubeconfigs.items():
        write_kubeconfig(path, server=plane.server, authority=plane.certificate, user=user, token=tokens[user])
    api = Api(plane.admin)
    runner.wait("apiserver", lambda: _is_ready(api))
    return plane


def _start_etcd(runner: Runner, programs: Programs, folder: Path, client: int, peer: int) -> Path:
    """Returns a private key to sign service accounts' tokens: etcd makes one for its peers, of which there are none."""
    arguments: list[str | Path] = [
        programs.etcd,
        f"--data-dir={folder / 'etcd'}",
        "--unsafe-no-fsync",  # nothing has to outlive the machine
        f"--listen-client-urls=http://127.0.0.1:{client}",
        f"--advertise-client-urls=http://127.0.0.1:{client}",
        f"--listen-peer-urls=https://127.0.0.1:{peer}",
        f"--initial-advertise-peer-urls=https://127.0.0.1:{peer}",
        f"--initial-cluster=default=https://127.0.0.1:{peer}",
        "--peer-auto-tls",
        "--log-level=warn",
    ]
    runner.start("etcd", arguments)
    key = folder / "etcd" / "fixtures" / "peer" / "key.pem"
    runner.wait("etcd", lambda: key.exists() and b"END" in key.read_bytes())
    return key


def start_controllers(runner: Runner, programs: Programs, plane: ControlPlane) -> None:
    """The controller manager and the scheduler; they need no waiting for, what they do is waited for."""
    controllers = plane.kubeconfigs["system:kube-controller-manager"]
    scheduler = plane.kubeconfigs["system:kube-scheduler"]
    # No port of their own; more requests a second than by default: a test of many objects is not to be throttled.
    common = ["--leader-elect=false", "--secure-port=0", "--kube-api-qps=500", "--kube-api-burst=1000"]
    runner.start(
        "controllers",
        [
            programs.controllers,
            f"--kubeconfig={controllers}",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={plane.folder / 'etcd/fixtures/peer/key.pem'}",
            f"--root-ca-file={plane.certificate}",
            "--horizontal-pod-autoscaler-sync-period=2s",
            *common,
        ],
    )
    runner.start("scheduler", [programs.scheduler, f"--kubeconfig={scheduler}", *common])


def start_kubelet(runner: Runner, programs: Programs, plane: ControlPlane) -> None:
    """The fake kubelet of all nodes. The kinds that it writes the status of must be known to the server."""
    stages = plane.folder / "stages.yaml"
    write_stages(stages, programs.stages, [*make_pod_stages(), *make_route_stages()])
    runner.start(
        "kwok",
        [
            programs.kwok,
            f"--kubeconfig={plane.kubeconfigs['testbed-kwok']}",
            f"--config={stages}",
            "--manage-all-nodes",
            "--node-lease-duration-seconds=40",
        ],
    )


def _is_ready(api: Api) -> bool:
    try:
        api.request("GET", "/readyz")
    except (OSError, ApiError):
        return False
    return True
