"""`microcurrent programs`: what can be played, checked and explained; the user's own beside those that come with it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import data_dir_option, device, json_option, port_option, print_json, say

if TYPE_CHECKING:
    from ..programme import Programme
    from ..programme_limits import Granted

_FILE = click.Path(dir_okay=False, path_type=Path)
_NEW = """\
title = "{name}"
version = "1"
profile = "home"          # or "professional": the least that the board must be set to
about = ""
source = "where the numbers come from"
evidence = "what is known of its effect, plainly"
before = ["Clean the skin.", "A thick layer of conductive gel on the whole zone."]
after = ["Take the rest of the gel off with water."]

[defaults]                # of every step
shape = "square"          # square, sine, sawtooth, ramped
frequency = "10Hz"
amplitude = "60%"         # of what all limits permit, or a current: "150uA"
duration = "30s"
ramp = "1s"
hold = "5s"               # a beep after each
cue = "Glide up slowly, hold until the beep."

[[step]]
site = "cheek"
side = "both"             # left, then right
move = "from the corner of the mouth up to the ear"

# [[step]]                # two channels, for a board with two outputs
# site = "knee"
# side = "left"
# condition = "inflammation"
# tissue = "ligament"     # labels of: microcurrent programs frequencies
# move_time = "0ms"

# [[step]]
# include = "eyes"        # all steps of another programme
"""


@click.group("programs")
def command() -> None:
    """List, explain, check and write programmes. NAME is one of `list`, or a file."""


@command.command("list")
@data_dir_option
@json_option
def list_programs(data_dir: str | None, as_json: bool) -> None:
    """List all programmes; a damaged one of your own is listed with what is wrong."""
    from .. import quantities
    from ..errors import MicrocurrentError
    from ..programme_library import Library
    from .progress import print_table

    library = Library(data_dir)
    rows, found = [], []
    for name, path in library.names().items():
        whose = "own" if path.parent == library.own else "supplied"
        try:
            made = library.load(name)
        except MicrocurrentError as error:
            rows.append((name, "-", "-", "-", "-", whose, str(error)))
            found.append({"name": name, "own": whose == "own", "error": str(error)})
            continue
        length = quantities.show(made.duration_ms, quantities.DURATION)
        channels = str(made.channels)
        rows.append(
            (name, made.version, str(len(made.steps)), length, channels, whose, f"{made.title}, {made.profile}")
        )
        found.append({"name": name, "own": whose == "own", **_as_json(made)})
    if as_json:
        print_json(found)
        return
    print_table("", ("name", "version", "steps", "length", "channels", "whose", "what"), rows)
    click.echo(
        "refused, with the reason in `programs show`: ces, tens, ems, disincrustation, iontophoresis, mesotherapy"
    )


@command.command("show")
@click.argument("name")
@port_option
@data_dir_option
@json_option
def show(name: str, port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Explain a programme: source, evidence, every step; with --port what that board would grant to each.

    For a system that is refused: why, its currents beside ours, and what is offered instead.
    """
    from ..programme_library import Library
    from ..refused_systems import OURS, refused_system

    library = Library(data_dir)
    system = None if name in library.names() else refused_system(name)
    if system is not None:
        words = {"title": system.title, "refused": system.reason, "theirs": system.theirs, "ours": OURS,
                 "instead": system.instead}  # fmt: skip
        if as_json:
            print_json(words)
            return
        for key, text in words.items():
            click.echo(f"{key:10} {text}")
        return
    made = library.load(name)
    granted = _granted_by(made, port, data_dir) if port else None
    if as_json:
        print_json(_as_json(made, granted))
        return
    _print(made, granted)


@command.command("validate")
@click.argument("name")
@port_option
@data_dir_option
def validate(name: str, port: str | None, data_dir: str | None) -> None:
    """Check a programme against the schema, and with --port against that board's settings and limits."""
    from .. import quantities
    from ..programme_library import Library

    made = Library(data_dir).load(name)
    length = quantities.show(made.duration_ms, quantities.DURATION)
    click.echo(f"{made.name} {made.version} is valid: {len(made.steps)} steps, {length}, sha256 {made.sha256[:16]}")
    if port:
        granted = _granted_by(made, port, data_dir)
        largest = max(each.amplitude_ua for step in granted for each in step)
        click.echo(f"the board permits all of it, at most {largest} uA")


@command.command("new")
@click.argument("name")
@click.option("--replace", is_flag=True, help="Even when there is one of this name.")
@data_dir_option
def new(name: str, replace: bool, data_dir: str | None) -> None:
    """Write a programme of your own to begin with, every key explained; edit it, then validate it."""
    from ..programme_library import Library

    library = Library(data_dir)
    path = library.own_path(name)
    library.write(path, _NEW.format(name=name).encode(), replace=replace)
    click.echo(f"written to {path}; edit it, then run: microcurrent programs validate {name}")


@command.command("export")
@click.argument("name")
@click.option("--output", "-o", type=_FILE, help="File to write [NAME.toml].")
@click.option("--replace", is_flag=True, help="Even when there is such a file.")
@data_dir_option
def export(name: str, output: Path | None, replace: bool, data_dir: str | None) -> None:
    """Write a programme's file, for another machine or as a beginning of your own."""
    from ..programme_library import Library

    library = Library(data_dir)
    source = library.find(name)
    library.load(name)
    target = output or Path(f"{source.stem}.toml")
    library.write(target, source.read_bytes(), replace=replace)
    click.echo(f"written to {target}")


@command.command("import")
@click.argument("file", type=_FILE)
@click.option("--replace", is_flag=True, help="Even when there is one of this name.")
@data_dir_option
def import_(file: Path, replace: bool, data_dir: str | None) -> None:
    """Take a file among your own programmes, once it is valid."""
    from ..programme_library import Library

    library = Library(data_dir)
    made = library.load(str(file) if "/" in str(file) else f"./{file}")
    path = library.own_path(made.name)
    library.write(path, file.read_bytes(), replace=replace)
    click.echo(f"{made.name} {made.version} ({len(made.steps)} steps) is now one of your own: {path}")


@command.command("frequencies")
@data_dir_option
@json_option
def frequencies(data_dir: str | None, as_json: bool) -> None:
    """List "signature frequencies" as vendors label them; neither they nor we claim that they do anything."""
    from ..programme_library import Library
    from ..signatures import Signatures
    from .progress import print_table

    table = Signatures(Library(data_dir).signatures_path)
    if as_json:
        print_json(table.table)
        return
    for kind, rows in table.table.items():
        print_table("", (kind, "frequency"), list(rows.items()))
    click.echo(f"from {table.path}; one of your own in the data directory counts before it")


def _granted_by(made: "Programme", port: str, data_dir: str | None) -> "list[list[Granted]]":
    """What a board would grant. Raises RefusedError when it would refuse a step."""
    from ..programme_limits import for_board, require_permitted
    from ..treatment import require_second

    with device(port, shared=True, data_dir=data_dir) as board:
        if made.channels > 1:
            require_second(board.identity)
        settings = board.request("config")["set"]
        cap_ua = board.identity["hard_cap_ua"]
    return require_permitted(made, for_board(made, settings["area_mm2"]), settings, cap_ua)


def _as_json(made: "Programme", granted: "list[list[Granted]] | None" = None) -> dict:
    found = {"title": made.title, "version": made.version, "profile": made.profile, "about": made.about,
             "source": made.source, "evidence": made.evidence, "before": made.before, "after": made.after,
             "sha256": made.sha256, "channels": made.channels, "duration_ms": made.duration_ms}  # fmt: skip
    steps = []
    for index, step in enumerate(made.steps):
        told = {**step.device, "move": step.move, "cue": step.cue, "labels": step.labels}
        if granted:
            told["granted_ua"] = [each.amplitude_ua for each in granted[index]]
            told["binding"] = [each.binding for each in granted[index]]
        steps.append(told)
    return found | {"steps": steps}


def _print(made: "Programme", granted: "list[list[Granted]] | None") -> None:
    from .. import quantities
    from ..treatment_texts import place_text
    from .progress import print_table

    length = quantities.show(made.duration_ms, quantities.DURATION)
    click.echo(
        f"{made.title} ({made.name} {made.version}), {length}, profile {made.profile}, {made.channels} channel(s)"
    )
    for key, texts in (("about", [made.about]), ("source", [made.source]), ("evidence", [made.evidence]),
                       ("before", made.before), ("after", made.after)):  # fmt: skip
        for text in filter(None, texts):
            click.echo(f"{key:10} {text}")
    rows = []
    for index, step in enumerate(made.steps):
        length, hold = (
            quantities.show(ms, quantities.DURATION) for ms in (step.duration_ms, step.device.get("hold_ms", 0))
        )
        words = " / ".join(step.labels) or step.move
        cells = [
            str(index + 1),
            place_text(step),
            _waves_text(step.device),
            length,
            hold if hold != "0ms" else "-",
            words,
        ]
        if granted:
            cells.insert(3, ", ".join(f"{each.amplitude_ua} uA ({each.binding})" for each in granted[index]))
        rows.append(tuple(cells))
    heads = ["step", "place", "waveform", "length", "hold", "movement"]
    if granted:
        heads.insert(3, "granted")
    print_table("", tuple(heads), rows)
    if not granted:
        say("what a board would grant to each step: add --port")


def _waves_text(device_step: dict) -> str:
    from .. import quantities

    texts = []
    for name, share in (("wave", "share_permille"), ("wave2", "share2_permille")):
        wave = device_step.get(name)
        if wave is None:
            continue
        amplitude = f"{device_step[share] / 10:g} %" if share in device_step else f"{wave['amplitude_ua']} uA"
        polarity = "" if wave.get("polarity", "biphasic") == "biphasic" else f" {wave['polarity']}"
        end = wave.get("frequency_end_mhz")
        to = f"..{quantities.show(end, quantities.FREQUENCY)}" if end else ""
        frequency = quantities.show(wave["frequency_mhz"], quantities.FREQUENCY)
        texts.append(f"{wave.get('shape', 'square')} {frequency}{to} {amplitude}{polarity}")
    return " + ".join(texts)
