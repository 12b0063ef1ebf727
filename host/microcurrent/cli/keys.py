"""`microcurrent keys`: who may sign firmware."""

import click

from .options import json_option, print_json


@click.group("keys")
def command() -> None:
    """Keys that sign firmware: your own, and those of people you trust.

    With a key of your own `flash` signs what it uploads; with any key `verify` demands a signature by one of them.
    The signature is Ed25519, over the manifest: board, version, number and the hash of every file.
    """


@command.command("new")
def new() -> None:
    """Make a key of your own. Its secret half stays in the configuration directory, readable for you alone."""
    from .. import signing

    public = signing.new_key()
    click.echo(f"your key {public}")
    click.echo("flash signs with it from now on; others check your boards after: microcurrent keys trust KEY NAME")


@command.command("show")
@json_option
def show(as_json: bool) -> None:
    """Show the public keys that are trusted here."""
    from .. import signing

    known = signing.trusted()
    if as_json:
        print_json({"own": signing.own_public(), "trusted": known})
        return
    for public, name in known.items():
        click.echo(f"{public}  {name}")
    if not known:
        click.echo("no key is trusted here: firmware is uploaded unsigned; make a key with: microcurrent keys new")


@command.command("trust")
@click.argument("public", metavar="KEY")
@click.argument("name")
def trust(public: str, name: str) -> None:
    """Trust firmware that KEY signed; NAME says whose it is."""
    from .. import signing

    signing.trust(public, name)
    click.echo(f"{name} is trusted")
