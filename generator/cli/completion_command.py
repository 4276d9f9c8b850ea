"""`revstamp completion`: the script that teaches a shell to complete revstamp's words."""

from __future__ import annotations

import click

from generator.cli.output import output_option, print_json

_VARIABLE = "_REVSTAMP_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@output_option
@click.pass_context
def command(context: click.Context, shell: str, output: str) -> None:
    """Print the script by which a shell completes commands, options, and the names of endpoints and environments.

    \b
    Install:
      bash   echo 'eval "$(revstamp completion bash)"' >> ~/.bashrc     # bash 4.4 or newer
      zsh    echo 'eval "$(revstamp completion zsh)"' >> ~/.zshrc       # after compinit
      fish   revstamp completion fish > ~/.config/fish/completions/revstamp.fish

    \b
    Examples:
      eval "$(revstamp completion bash)"
      revstamp completion fish | source
    """
    from click.shell_completion import get_completion_class

    from generator.errors import InternalError

    completion = get_completion_class(shell)
    if completion is None:
        raise InternalError(f"click knows no completion for {shell}")
    script = completion(context.find_root().command, {}, "revstamp", _VARIABLE)
    text = script.source_template % script.source_vars()  # source() would start the shell to ask for its version
    if output == "json":
        print_json({"shell": shell, "script": text})
    else:
        click.echo(text)
