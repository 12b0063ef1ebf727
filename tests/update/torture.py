"""Uploads cut at random instants: power, the cable, or the host's program. Run: python -m tests.update.torture

One board is updated from an old firmware to a new one, and each cut happens to a fork of it. Half of them are pulls of
the plug, with the flash operation under way left half done; else the cable goes (what has not arrived is lost), or the
program dies (what it has sent still arrives), and the board runs on or is reset. A third of the instants is chance, a
third falls where the flash is busy, a third where the new files take their places.

Demanded of each: no current but into the dummy load; afterwards the board runs the old firmware, whole, or the new one,
whole, or shows its prompt with the gate open; it takes the next upload, and then runs the new one; settings,
calibration, programme and all that stood in the journal are there byte for byte.
"""

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from random import Random
from typing import Any
from unittest import mock

from firmware.core import journal
from firmware.shared import calibration, calibration_slot, protocol
from microcurrent import flash, remote, staging
from microcurrent.build import MANIFEST, Build, build_firmware, with_manifest
from microcurrent.client import DeviceClient
from microcurrent.errors import FirmwareError
from microcurrent.transport import BenchTransport
from tests.campaign.fork import forked, serve, split, spread
from tests.campaign.judge import stray_ua
from tests.campaign.plant import SETTINGS, Plant
from tests.campaign.torn import FlashWatch
from tests.campaign.waves import WAVES
from tests.support import FIRMWARE, compiled_text

from .host import PORT, Host

BOARD = "rp2040_pico"
KINDS = ("power", "power", "power", "cable", "program", "program, then reset")
_CHANGED = ("core/gate.py", "core/points.py", "shared/units.py", "hw/commission.py")
_BOOT_S = 5.0
_LATER_MS = 1500  # a board that runs on after the host has gone: for so long at most
Heard = Callable[[dict[str, Any]], None]
HANG_S = 3000  # ours: a fork under a heavy load


@cache
def versions() -> tuple[Build, Build]:
    """The old firmware and the new one: modules changed, boot.py and main.py too, one removed, one added."""
    built = build_firmware(BOARD)
    facts = json.loads(built.files[MANIFEST])
    old = {**built.files, "/lib/firmware/core/retired.mpy": compiled_text("x = 1\n", "firmware/core/retired.py")}
    new = {**built.files, "/lib/firmware/core/added.mpy": compiled_text("x = 2\n", "firmware/core/added.py")}
    for name in _CHANGED:
        source = (FIRMWARE / name).read_text() + "\n_NEWER = 1\n"
        new[f"/lib/firmware/{name[:-3]}.mpy"] = compiled_text(source, f"firmware/{name}")
    for name in ("/boot.py", "/main.py"):
        new[name] = built.files[name] + b"\n# newer\n"
    newer = facts | {"number": facts["number"] + 1}
    return Build(BOARD, with_manifest(old, facts), built.mpy_cross), Build(
        BOARD, with_manifest(new, newer), built.mpy_cross
    )


@dataclass(frozen=True)
class Cut:
    """One of them: its number decides on all chance in it."""

    number: int
    t_ns: int
    kind: str


class Ended(BaseException):
    """The host is gone, in this process: leave whatever it was doing."""

    def __init__(self, cut: Cut, pipe: int) -> None:
        self.cut = cut
        self.pipe = pipe


class Stand:
    """A board with the old firmware and with what must survive, and its host."""

    def __init__(self) -> None:
        self.old, self.new = versions()
        self.plant = Plant(self.old.files)
        self.pico = self.plant.pico
        self.pico.install_files(_kept_files())
        self.host = Host(self.pico)
        self.switched_ns = [0, 0]
        self._ended: Ended | None = None
        self._read = self.pico.serial_read
        self.pico.serial_read = self._serial_read
        self.plant.boot()
        user = self.plant.host
        user.ask("config", set={"lease_ms": 1234})
        user.arm(WAVES["square"].request | {"ramp_ms": 100, "duration_ms": 300})
        user.start()
        user.run_for_ms(1500, lambda: self.plant.state == protocol.READY)
        user.ask("config", set={"lease_ms": SETTINGS["lease_ms"]})
        self.plant.began_ns = self.pico.now_ns

    def end(self, ended: "Ended") -> None:
        """The host goes now. With the power all stops here; else the chip must end the instruction that it is at."""
        if ended.cut.kind == "power":
            raise ended
        if ended.cut.kind == "cable":
            self.pico.usb._to_board.clear()
        self._ended = ended

    def _serial_read(self) -> bytes:
        ended, self._ended = self._ended, None
        if ended:
            raise ended
        return self._read()

    def update(self) -> dict[str, Any]:
        """The upload, as `microcurrent flash` does it. Returns what the board says of itself then."""
        switch = remote.switch

        def timed(port: str, gone: list[str]) -> remote.Inventory:
            self.switched_ns[0] = self.pico.now_ns
            found = switch(port, gone)
            self.switched_ns[1] = self.pico.now_ns
            return found

        with (
            self.host.attached(),
            mock.patch.object(flash.build, "build_firmware", lambda _board: self.new),
            mock.patch.object(flash.signing, "signed", lambda built: built),
            mock.patch.object(remote, "switch", timed),
        ):
            done = flash.flash(PORT, BOARD, say=lambda _text: None, progress=lambda *_step: None)
        return done.identity


def _kept_files() -> dict[str, bytes]:
    """A calibration and a programme, beside the settings and the journal that the firmware writes itself."""
    found: dict[str, Any] = {"day": 20000, "temperature_c": 21, "reference": "typed current"}
    found["channels"] = [calibration.NOMINAL | {"gain_ppm": 100}]
    found["id"] = calibration_slot.id_of(found)
    slot = calibration_slot.encode_slot(3, found)
    return {"/programme": b"line of a programme\n" * 40, "/notes.txt": b"mine\n", "/calibration_a": slot}


def _survey(stand: Stand) -> tuple[int, int, list[int], list[tuple[float, float]]]:
    """Begin and end of the upload, of the switch in it, and (start, duration) of each flash operation."""
    watch = FlashWatch(stand.pico)
    begin_ns = stand.pico.now_ns
    stand.update()
    return begin_ns, stand.pico.now_ns, stand.switched_ns, [(done.start_ns, done.takes_ns) for done in watch.operations]


def cuts(stand: Stand, count: int, seed: int) -> list[Cut]:
    """`count` of them, in order of time."""
    begin_ns, end_ns, switched_ns, busy = forked(partial(_survey, stand))
    random = Random(f"update:{seed}")
    instants = []
    for number in range(count):
        if number % 3 == 0:
            instants.append(random.randrange(begin_ns, end_ns))
        elif number % 3 == 1:
            start_ns, takes_ns = random.choice(busy)
            instants.append(int(start_ns + random.random() * takes_ns))
        else:
            instants.append(random.randrange(*switched_ns))
    return [Cut(number, t_ns, random.choice(KINDS)) for number, t_ns in enumerate(sorted(instants))]


def run(
    count: int, workers: int, seed: int = 1, only: int | None = None, heard: Heard = lambda _result: None
) -> Iterator[dict[str, Any]]:
    """The results of all cuts, or that of one of them. heard: told of each as it comes, in a worker."""
    stand = Stand()
    chosen = [cut for cut in cuts(stand, count, seed) if only in (None, cut.number)]
    yield from spread([partial(_live, stand, chosen[part::workers], heard) for part in range(workers)], workers)


def _live(stand: Stand, chosen: list[Cut], heard: Heard) -> Iterator[dict[str, Any]]:
    """Upload; at each instant a forked process loses its host, or its power, there."""
    results: list[dict[str, Any]] = []
    watch = FlashWatch(stand.pico)
    ended = False

    def cut_here(cut: Cut) -> None:
        nonlocal ended
        if ended:  # in the forked process the later instants are still to come
            return
        side = split()
        if isinstance(side, int):
            ended = True
            if stand.host.serial:
                stand.host.serial.dead = True  # mpremote's tidying up must not reach the board
            mock.patch.object(tempfile.TemporaryDirectory, "_rmtree").start()  # the parent reads these files on
            stand.end(Ended(cut, side))
            return
        result = side.last()
        results.append({"number": cut.number, "problems": [result["crash"]]} if "crash" in result else result)
        heard(results[-1])

    for cut in chosen:
        stand.pico.at(cut.t_ns, partial(cut_here, cut))
    try:
        stand.update()
    except Ended as gone:
        mock.patch.stopall()
        serve(partial(_after, stand, watch, gone.cut), gone.pipe, HANG_S)
    yield from results


def _after(stand: Stand, watch: FlashWatch, cut: Cut) -> Iterator[dict[str, Any]]:
    """What the board does then, and what is left of it."""
    pico, random = stand.pico, Random(cut.number)
    torn = cut.kind == "power" and watch.tear(pico.now_ns, random)
    before = _protected(stand)
    if cut.kind == "power":
        stand.plant.lose_power()
    else:
        _leave(stand, random)
    if cut.kind == "program, then reset":
        pico.reset("run")
    outcome, problems = _outcome(stand, booted=cut.kind not in ("cable", "program"))
    problems += _next_upload(stand)
    after = _protected(stand)
    problems += [f"{name} is not what it was" for name in before if not after.get(name, b"").startswith(before[name])]
    problems += [f"{ua:.1f} uA in state {name}" for name, ua in stray_ua(stand.plant, 0.0)]
    yield {
        "number": cut.number,
        "ms": cut.t_ns // 1_000_000,
        "kind": cut.kind,
        "torn": torn,
        "outcome": outcome,
        "problems": problems,
    }


def _leave(stand: Stand, random: Random) -> None:
    """The host is gone: what it has not sent yet stays unsent."""
    stand.pico.close_port()
    stand.pico.run_for_ms(random.random() * _LATER_MS)


def _outcome(stand: Stand, booted: bool) -> tuple[str, list[str]]:
    """What runs now: "old", "new" or "prompt"; problems."""
    if not booted:
        return "no boot", []
    problems = []
    with DeviceClient(BenchTransport(stand.pico)) as client:
        try:
            identity = client.hello(_BOOT_S)
        except FirmwareError:
            outcome = "prompt"
            if not client.at_prompt:
                problems.append("neither firmware nor prompt")
        else:
            known = {stand.old.hash: "old", stand.new.hash: "new"}
            outcome = known.get(identity["manifest"], "other")
            if identity["state"] != protocol.READY or identity.get("altered"):
                problems.append(f"state {identity['state']}, altered: {identity.get('altered')}")
            problems += _unlike(stand, stand.new if outcome == "new" else stand.old)
    if stand.pico.gate:
        problems.append("the gate is closed")
    return outcome, problems


def _next_upload(stand: Stand) -> list[str]:
    identity = stand.update()
    problems = _unlike(stand, stand.new)
    if (identity["manifest"], identity["state"]) != (stand.new.hash, protocol.READY) or identity.get("altered"):
        problems.append(f"after the next upload: {identity}")
    left = [name for name in stand.pico.read_files() if name.startswith(staging.FOLDER)]
    return problems + [f"{name} is left over" for name in left]


def _unlike(stand: Stand, wanted: Build) -> list[str]:
    """Files that are not those of a firmware, each of them and no other."""
    held = stand.pico.read_files()
    ours = {name for name in held if name.startswith("/lib/") or (name.count("/") == 1 and name.endswith(".py"))}
    wrong = [name for name in sorted(ours | set(wanted.files)) if held.get(name) != wanted.files.get(name)]
    return [f"of another firmware: {', '.join(wrong)}"] if wrong else []


def _protected(stand: Stand) -> dict[str, bytes]:
    """What must survive; the journal may grow."""
    held = stand.pico.read_files()
    names = {*_kept_files(), "/settings_a", "/settings_b", *journal.NAMES}
    return {name: held[name] for name in names if name in held}


def _tell(result: dict[str, Any]) -> None:
    """A line for each cut: half an hour without a word would be long."""
    told = "; ".join(result["problems"]) or "as it must be"
    torn = ", flash torn" if result.get("torn") else ""
    line = f"cut {result['number']}, {result.get('kind')}{torn}, then {result.get('outcome')}: {told}\n"
    assert sys.__stderr__  # sys.stderr is mpremote's at the moment
    sys.__stderr__.write(line)


def main() -> int:
    """Run them all, show what came of each kind, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.update.torture", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="the number of one cut")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    outcomes, failed, torn = Counter[tuple[str, str]](), 0, 0
    for result in run(options.count, options.workers, options.seed, options.only, _tell):
        outcomes[result.get("kind", "?"), result.get("outcome", "crashed")] += 1
        torn += bool(result.get("torn"))
        failed += bool(result.get("problems", ["a worker crashed"]))
    for (kind, outcome), count in sorted(outcomes.items()):
        print(f"{kind:20} {outcome:8} {count:4}")
    print(f"{sum(outcomes.values())} cuts, {torn} in the middle of a flash operation, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
