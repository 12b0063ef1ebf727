"""python -m tests.hil.replay FILE: the requests of a run (--record) once more, to the virtual Pico; what differs.

Requests are sent when the board's own clock showed what it did then: its telemetry tells. A scenario in which the board
was reset has no such clock, and is left out.
"""

import sys
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from firmware.shared import framing, settings
from microcurrent.bench.pico import NS_PER_MS, VirtualPico
from microcurrent.bench.skin import PRESETS
from microcurrent.build import build_firmware
from microcurrent.client import DeviceClient
from microcurrent.errors import BadValueError, MicrocurrentError
from microcurrent.image.resolver import resolve_image
from microcurrent.lines import LineReader, LinkCounters
from microcurrent.transport import BenchTransport

from .compare import Told, differences

BOOT_MS = 2400
AFTER_MS = 400  # ours: what the last request brings about
SKIPPED = ("replay", "log", "journal", "counters", "dac")  # questions about the past, which is another


@dataclass
class Run:
    """A recording: what the board was, and the entries of each scenario in order."""

    identity: dict[str, Any]
    settings: dict[str, int]
    calibration: dict[str, Any] | None
    scenarios: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def load(path: Path) -> Run:
    """A file that --record wrote. Raises BadValueError when it is none."""
    import json

    try:
        head, *entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        run = Run(head["identity"], head["settings"], head["calibration"])
        for entry in entries:
            run.scenarios.setdefault(entry["scenario"], []).append(entry)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadValueError(
            f"{path} is no recording of a run ({error!r}); nothing was compared; make one with: pytest tests/hil "
            f"--port PORT --record FILE"
        ) from None
    return run


class Clock:
    """The board's milliseconds at a time of the link, from what the board told of its clock."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        known = {entry["t_s"]: told for entry in entries if (told := _told_ms(entry.get("from", {}))) is not None}
        self._times = sorted(known)
        self._ms = [known[t_s] for t_s in self._times]

    @property
    def runs(self) -> bool:
        """Whether the board told of its clock at all, and it never went back, as it does with a reset."""
        return bool(self._ms) and self._ms == sorted(self._ms)

    def at(self, t_s: float) -> float:
        """Interpolated between what was told; before and after that the board's clock goes as ours."""
        index = bisect_right(self._times, t_s)
        if index in (0, len(self._times)):
            near = max(index - 1, 0)
            return self._ms[near] + (t_s - self._times[near]) * 1000
        (t0, t1), (ms0, ms1) = self._times[index - 1 : index + 1], self._ms[index - 1 : index + 1]
        return ms0 + (ms1 - ms0) * (t_s - t0) / (t1 - t0)


def _told_ms(message: dict[str, Any]) -> int | None:
    if message.get("ev") == "telemetry":
        return message["t"][0]
    data = message.get("data")
    return data.get("uptime_ms") if isinstance(data, dict) else None


def recorded(entries: list[dict[str, Any]]) -> Told:
    """What the board told then."""
    told = Told()
    asked: dict[int, dict[str, Any]] = {}
    for entry in entries:
        if "to" in entry:
            asked[entry["to"]["id"]] = entry["to"]
        else:
            told.take(entry["from"], asked)
    return told


def replayed(run: Run, entries: list[dict[str, Any]], clock: Clock, load_name: str) -> Told:
    """What the virtual Pico tells when it is asked the same at the same times of its clock."""
    pico = _booted(run, load_name)
    requests = [entry for entry in entries if "to" in entry and entry["to"]["cmd"] not in SKIPPED]
    told, asked, numbers = Told(), {}, _Numbers(entries)
    reader = LineReader(LinkCounters())

    def until(t_ns: float) -> None:
        pico.run_until(t_ns)
        for message in reader.feed(pico.serial_read()):
            numbers.learn(message, asked)
            told.take(message, asked)

    base_ns = pico.now_ns - clock.at(requests[0]["t_s"]) * NS_PER_MS
    for entry in requests:
        due_ns = int(base_ns + clock.at(entry["t_s"]) * NS_PER_MS)
        while pico.now_ns < due_ns:  # in pieces: the port's buffer is emptied as a host does
            until(min(due_ns, pico.now_ns + 20 * NS_PER_MS))
        request = numbers.changed(entry["to"])
        asked[request["id"]] = request
        pico.serial_write(framing.encode(request).encode())
    end_ns = int(base_ns + (clock.at(entries[-1]["t_s"]) + AFTER_MS) * NS_PER_MS)
    while pico.now_ns < end_ns:
        until(min(end_ns, pico.now_ns + 20 * NS_PER_MS))
    return told


def _booted(run: Run, load_name: str) -> VirtualPico:
    pico = VirtualPico(resolve_image().path, load=load_name, dac_eeprom=(2048, 0))
    files = build_firmware(pico.board.BOARD).files | {"/settings_a": settings.encode_slot(1, run.settings)}
    pico.install_files(files)
    client = DeviceClient(BenchTransport(pico))
    pico.run_for_ms(BOOT_MS)
    client.hello()
    pico.run_for_ms(50)
    pico.serial_read()
    return pico


class _Numbers:
    """Session numbers count from the boot on: what was 7 then may be 1 now."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        asked = {entry["to"]["id"]: entry["to"] for entry in entries if "to" in entry}
        replies = [entry["from"] for entry in entries if "from" in entry and entry["from"].get("id") in asked]
        self._then = [
            reply["data"].get("session") for reply in replies if reply["ok"] and asked[reply["id"]]["cmd"] == "arm"
        ]
        self._now: list[int] = []

    def learn(self, message: dict[str, Any], asked: dict[int, dict[str, Any]]) -> None:
        """An armed session has its number."""
        if message.get("ok") and asked.get(message["id"], {}).get("cmd") == "arm":
            self._now.append(message["data"]["session"])

    def changed(self, request: dict[str, Any]) -> dict[str, Any]:
        """The request with the present number of its session."""
        arguments = request.get("args", {})
        then = arguments.get("session")
        known = dict(zip(self._then, self._now, strict=False))
        return request | {"args": arguments | {"session": known[then]}} if then in known else request


def compared(run: Run, name: str, load_name: str) -> list[str] | None:
    """What differs in a scenario, as sentences; None for one without a clock."""
    entries = run.scenarios[name]
    clock = Clock(entries)
    if not clock.runs or not any("to" in entry for entry in entries):
        return None
    return differences(recorded(entries), replayed(run, entries, clock, load_name))


@click.command(help=__doc__)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--load", "load_name", type=click.Choice(sorted(PRESETS)), default="10k", show_default=True)
@click.option("--only", metavar="TEXT", default="", help="Scenarios whose name contains this.")
def main(file: Path, load_name: str, only: str) -> None:
    """The exit code is 1 when something differs."""
    run = load(file)
    names = [name for name in run.scenarios if only in name]
    found = {name: compared(run, name, load_name) for name in names}
    for name, differing in found.items():
        if differing is None:
            click.echo(f"{name}: left out: the board was reset in it, or told nothing of its clock")
            continue
        click.echo(f"{name}: {'as emulated' if not differing else f'{len(differing)} differences'}")
        for sentence in differing:
            click.echo(f"  {sentence}")
    bad = sum(bool(differing) for differing in found.values())
    same = sum(differing == [] for differing in found.values())
    click.echo(f"{same} as emulated, {bad} different, {len(found) - same - bad} left out")
    sys.exit(1 if bad or not same else 0)


if __name__ == "__main__":
    try:
        main(prog_name="python -m tests.hil.replay", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except MicrocurrentError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
