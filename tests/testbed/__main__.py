"""`python -m tests.testbed`: builds the programs; starts and stops a cluster for a person.

Owns: the words on the command line and on the screen. Refuses: doing any of it; each command calls one function.
"""

from __future__ import annotations

import argparse
import sys

from tests.testbed import cache, catalogue
from tests.testbed.build import build_modules
from tests.testbed.cluster.fates import FATES
from tests.testbed.cluster.hold import end_cluster, keep_cluster, name_for_person
from tests.testbed.cluster.spec import DEFAULT_POOLS, ClusterSpec
from tests.testbed.cluster.start import Running
from tests.testbed.errors import Missing, TestbedError
from tests.testbed.settings import SETTINGS


def main() -> int:
    """Runs one command; returns its exit code: 0, or 1 with the reason on stderr."""
    arguments = _parser().parse_args()
    try:
        return int(arguments.run(arguments))
    except TestbedError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.testbed", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    build = commands.add_parser("build", help="build programs into the cache")
    build.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(catalogue.ALL)}")
    build.add_argument("--if-possible", action="store_true", help="end well where Go is not installed")
    build.set_defaults(run=_build)
    cluster = commands.add_parser("cluster", help="start a cluster, or say how to use the one that runs")
    cluster.add_argument("--kserve", default=catalogue.DEFAULT_KSERVE, choices=sorted(catalogue.KSERVE))
    cluster.set_defaults(run=_cluster)
    down = commands.add_parser("cluster-down", help="stop it")
    down.set_defaults(run=_cluster_down)
    prune = commands.add_parser("prune", help="remove from the cache what this checkout does not use")
    prune.set_defaults(run=_prune)
    return parser


def _build(arguments: argparse.Namespace) -> int:
    unknown = [name for name in arguments.names if name not in catalogue.ALL]
    if unknown:
        raise TestbedError(f"unknown: {', '.join(unknown)}", f"one of {', '.join(catalogue.ALL)}")
    modules = [catalogue.ALL[name] for name in arguments.names] or catalogue.DEFAULT
    if arguments.if_possible and not SETTINGS.may_build:
        return 0
    try:
        for folder in build_modules(modules, SETTINGS):
            print(folder)
    except Missing as error:
        if not arguments.if_possible:
            raise
        print(f"no testbed: {error.message}", file=sys.stderr)
    return 0


def _cluster(arguments: argparse.Namespace) -> int:
    print(_describe(keep_cluster(SETTINGS, ClusterSpec(kserve=arguments.kserve), name_for_person())))
    return 0


def _cluster_down(arguments: argparse.Namespace) -> int:
    print("stopped" if end_cluster(name_for_person()) else "no cluster runs")
    return 0


def _describe(running: Running) -> str:
    """How to use a cluster."""
    pools = "\n".join(
        f"  {pool.name:8} {pool.nodes} nodes"
        + (f" of {pool.gpus} GPUs, {pool.gpu_memory} MiB each" if pool.gpu_memory else "")
        for pool in DEFAULT_POOLS
    )
    return f"""\
Kubernetes {catalogue.KUBERNETES.version} at {running.server}, KServe {running.kserve}; it took {running.seconds} s.
{pools}

  export KUBECONFIG={running.kubeconfig}
  alias kubectl={running.kubectl}

  kubectl get nodes -L nvidia.com/gpu.memory
  kubectl create namespace llm-ops-dev
  kubectl apply --server-side -R -f environments/dev/manifests
  kubectl get pods -A -w

No image is pulled: pods are ready at once, unless their image or annotation names a fate
({", ".join(FATES)}):

  kubectl create deployment chat --image registry.internal/serve/vllm:fate-slow-load-after-20s

`make cluster-down` stops it."""


def _prune(arguments: argparse.Namespace) -> int:
    for name in cache.remove_stale(SETTINGS.cache):
        print(f"removed {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
