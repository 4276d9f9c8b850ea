"""`python -m tests.testbed`: builds the programs; starts and stops a cluster for a person.

Owns: the words on the command line and on the screen. Refuses: doing any of it; each command calls one function.
"""

from __future__ import annotations

import argparse
import sys

from tests.testbed import cache, catalogue
from tests.testbed.build import build_modules
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
    prune = commands.add_parser("prune", help="remove from the cache what this checkout does not use")
    prune.set_defaults(run=_prune)
    return parser


def _build(arguments: argparse.Namespace) -> int:
    unknown = [name for name in arguments.names if name not in catalogue.ALL]
    if unknown:
        raise TestbedError(f"unknown: {', '.join(unknown)}", f"one of {', '.join(catalogue.ALL)}")
    modules = [catalogue.ALL[name] for name in arguments.names] or catalogue.DEFAULT
    try:
        for folder in build_modules(modules, SETTINGS):
            print(folder)
    except Missing as error:
        if not arguments.if_possible:
            raise
        print(f"no testbed: {error.message}", file=sys.stderr)
    return 0


def _prune(arguments: argparse.Namespace) -> int:
    for name in cache.remove_stale(SETTINGS.cache):
        print(f"removed {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
