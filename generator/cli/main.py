"""The `revstamp` command: which commands there are, and how every failure ends.

Owns: the list of commands (imported only when called) and the way from an error to text, JSON and an exit code.
Refuses: what a command does.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from generator import __version__
from generator.cli.streams import close_outlets, open_outlets
from generator.errors import InternalError, RevstampError, StorageFailed
from generator.settings import load_settings

COMMANDS: dict[str, str] = {
    "init": "make a GitOps repository with example environments",
    "new": "write a new endpoint file",
    "import": "turn rows of the platform into endpoint files",
    "render": "print an endpoint's manifests, or check the committed ones",
    "diff": "show what a commit would change, or what two revisions differ in",
    "commit": "render what changed and commit it with your edits",
    "redeploy": "start new pods, with or without changes",
    "rollback": "bring an earlier revision back as a new one",
    "promote": "carry model and limits from one environment to another",
    "scale": "change the number of replicas",
    "stop": "run no pods, keep everything else",
    "delete": "remove an endpoint, keep its history",
    "apply": "bring a cluster to what a commit says, once",
    "status": "say what serves, what is coming, and what is wrong",
    "watch": "follow a rollout to its verdict",
    "reconcile": "keep clusters at what the branch says, for ever",
    "serve": "serve the API, with everything that works behind it",
    "worker": "carry accepted redeployments to git, for ever",
    "read-status": "settle redeployments by what clusters show, for ever",
    "suspend": "let the reconciler leave an endpoint or environment alone",
    "resume": "let the reconciler go on",
    "adopt": "take over what another tool made, without losing a pod",
    "install": "print what runs the reconciler in a cluster",
    "log": "list an endpoint's revisions: who, when, why, what",
    "history": "list redeployments: who, what, what came of it",
    "show": "show one redeployment with its events",
    "explain": "say where each value comes from, or how a redeployment went",
    "verify": "check that a revision is what its sources say",
    "schema": "print the JSON Schema of a file format",
    "environments": "list environments and their endpoints",
    "db": "look after the ledger's database",
    "doctor": "check this repository and machine",
    "demo": "run the main job on an example, in a temporary folder",
    "completion": "print the shell completion script",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, since most imports are slower than the work."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of their use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"generator.cli.{cmd_name.replace('-', '_')}_command")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant, or an error that names the nearest one."""
        if args and args[0] not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes and examples: docs/command-line.md",
)
@click.version_option(__version__, prog_name="revstamp", message="%(prog)s %(version)s")
@click.option(
    "-C",
    "--repository",
    default=".",
    metavar="FOLDER",
    help="The GitOps repository, or a folder in it.  [default: this folder]",
)
@click.pass_context
def cli(context: click.Context, repository: str) -> None:
    """Redeploy language-model endpoints on Kubernetes without teardown.

    \b
    Examples:
      revstamp init gitops && cd gitops
      revstamp import rows.json && revstamp commit
      revstamp redeploy prod/svc-c48311a09cf4 --memory-limit 48Gi --reason "more cache"
    """
    context.obj = repository


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for them takes as long as a render
    gc.set_threshold(200_000)  # a short life makes little garbage; collecting while importing costs a tenth of it
    open_outlets()
    words = list(sys.argv[1:] if arguments is None else arguments)
    end_process(run(words))


def end_process(code: int) -> NoReturn:
    """End with this exit code, and without taking apart what the process has in memory: that takes as long as a render.

    What was registered for the end is run, and nothing that was printed is lost.
    """
    atexit._run_exitfuncs()
    os._exit(close_outlets(code))


def run(words: list[str]) -> int:
    """Run one command. Whatever fails becomes text or JSON on standard error, and an exit code."""
    try:
        result = cli.main(args=words, prog_name="revstamp", standalone_mode=False)
        code = result if isinstance(result, int) else 0
        sys.stdout.flush()
    except RevstampError as error:
        code = report_error(error, words)
    except click.exceptions.Abort:
        code = _report_interrupt(words)
    except KeyboardInterrupt:
        code = _report_interrupt(words)
    except click.ClickException as error:
        code = _report_usage(error, words)
    except OSError as error:
        if _is_debugging():
            raise
        code = report_error(StorageFailed.from_os(error), words)
    except Exception as error:
        if _is_debugging():
            raise
        hint = "this is a bug of revstamp; run again with REVSTAMP_DEBUG=1 and report what it prints"
        code = report_error(InternalError.from_bug(error, hint=hint), words)
    return code


def _is_debugging() -> bool:
    debug = os.environ.get("REVSTAMP_DEBUG", "")
    try:
        return load_settings({"REVSTAMP_DEBUG": debug}).debug
    except RevstampError:
        return False


def wants_json(words: Sequence[str]) -> bool:
    """Whether the call asked for JSON, seen without parsing it, for it may be the parsing that failed."""
    pairs = zip(words, [*words[1:], ""], strict=False)
    return any(
        word in ("--output=json", "-ojson") or (word in ("--output", "-o") and after == "json") for word, after in pairs
    )


def report_error(error: RevstampError, words: Sequence[str]) -> int:
    """Print an error for whoever called: JSON where JSON was asked for, else text. Returns the exit code."""
    from generator.cli.output import print_error

    print_error(error, as_json=wants_json(words))
    return error.exit_code


def _report_usage(error: click.ClickException, words: Sequence[str]) -> int:
    if wants_json(words):
        import json

        context = error.ctx if isinstance(error, click.UsageError) else None
        hint = f"`{context.command_path if context else 'revstamp'} --help` says more"
        body = {"error": "usage", "message": error.format_message(), "hint": hint, "retryable": False}
        click.echo(json.dumps({**body, "violations": []}, ensure_ascii=False), err=True)
    else:
        error.show()
    return error.exit_code


def _report_interrupt(words: Sequence[str]) -> int:
    if wants_json(words):
        import json

        body = {"error": "interrupted", "message": "interrupted; nothing is half done", "retryable": True}
        click.echo(json.dumps({**body, "hint": "run the same command again to go on", "violations": []}), err=True)
    else:
        click.echo("\nInterrupted. Nothing is half done: run the same command again to go on.", err=True)
    return 130


if __name__ == "__main__":
    main()
