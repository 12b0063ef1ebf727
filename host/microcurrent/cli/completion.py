"""`microcurrent completion`: the script that a shell loads."""

import click

RC_FILES = {"bash": "~/.bashrc", "zsh": "~/.zshrc", "fish": "~/.config/fish/completions/microcurrent.fish"}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(RC_FILES)))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell; append it to the shell's start file."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click has no completion for {shell}")
    root = ctx.find_root()
    click.echo(kind(root.command, {}, "microcurrent", "_MICROCURRENT_COMPLETE").source())
    click.echo(f"# append to {RC_FILES[shell]}")
