"""The whole chain on a virtual Pico: image, boot, upload, commissioning, self-test, the declaration of the electrodes'
area, a session, and what it leaves.
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import confirmation, flash, preferences, record_export
from .bench.options import ServerOptions
from .bench.process import start_sim
from .client import DeviceClient
from .connect import client_on
from .errors import RecordError, VerifyError
from .image.cache import as_text
from .image.resolver import resolve_image
from .interrupts import Interrupts
from .plotting import Samples, plot_run
from .records import Records
from .treatment import Treated, Watcher, checked_wave, treat
from .virtual import Sim

BOARD = "rp2040_pico"
AREA_MM2 = 1000  # 10 cm2 of gelled electrode; undeclared, a 3 mm tip counts, which 200 uA are too much for
WAVE = {"shape": "square", "amplitude_ua": 200, "frequency_mhz": 10_000, "duration_ms": 10_000, "area_mm2": AREA_MM2}
SHOWN_MS = 400  # of the picture's upper part: four cycles
SAMPLE_NS = 50_000  # twice as fine as the firmware's samples
VCD_MS = 1000  # about 10 MB; the whole session would be 100
NS_PER_MS = 1_000_000
STEPS = 8
LINE = 74  # columns of text beside the indentation


@dataclass(frozen=True)
class Show:
    """How the demo is shown: `step` begins a numbered part, `say` tells what it does, the others show progress."""

    step: Callable[[str], None]
    say: Callable[[str], None]
    upload: Callable[[str, int, int], None]
    session: Watcher


@dataclass(frozen=True)
class Demonstrated:
    """The session and the files that the demo left, by what they are."""

    treated: Treated
    files: dict[str, Path]


def demonstrate(place: Path, load: str, image: str | None, show: Show) -> Demonstrated:
    """Run the demo; everything it needs and leaves is under `place`. Raises what is in errors.py."""
    place = make(place)
    show.step("MicroPython image")
    found = resolve_image(image, show.say)
    show.say(f"MicroPython {found.version}, sha256 {found.sha256[:16]}..., {found.origin}")
    show.step("virtual Pico, paced to real time")
    options = ServerOptions(str(found.path), load=load, area_mm2=AREA_MM2, state=str(place / "pico"), name="demo")
    with start_sim(options) as process:
        sim = Sim(process.port, process.control, load, as_text(found))
        show.say(f"serial port {sim.port}, load {load}, electrodes {AREA_MM2 // 100} cm2")
        show.step("firmware, uploaded by mpremote and verified by hash")
        done = flash.flash(sim.port, BOARD, say=show.say, progress=show.upload)
        show.say(f"{len(done.uploaded)} files uploaded, {done.unchanged} unchanged, manifest {done.manifest}")
        with client_on(sim.port) as client, Records(str(place / "records")) as records:
            client.hello()
            prepare(client, show)
            declare_area(client, show)
            show.step("10 s of a 10 Hz, 200 uA biphasic square")
            with Interrupts() as interrupts:
                treated = treat(
                    client,
                    records,
                    checked_wave(WAVE),
                    show.session,
                    lambda: interrupts.count,
                    sim=sim,
                    signal_name=lambda: interrupts.name,
                )
            middle_ns = sim.now_ns() - WAVE["duration_ms"] * NS_PER_MS // 2
            client.request("stop")
            show.step("picture, VCD and record")
            return Demonstrated(treated, leave(place, sim, records, treated, middle_ns))


def prepare(client: DeviceClient, show: Show) -> None:
    """Commission the DAC and run the self-test. Raises VerifyError when it does not pass."""
    show.step("commissioning of the DAC's EEPROM")
    done = client.request("commission")
    show.say(f"{'written and read back' if done['written'] else 'already'} at zero current, code {done['eeprom_code']}")
    show.step("self-test")
    tests = client.request("selftest")["tests"]
    for line in textwrap.wrap(", ".join(name for name, *_rest in tests), LINE):
        show.say(line)
    failed = [name for name, passed, _reading, _text in tests if not passed]
    if failed:
        raise VerifyError(f"self-test failed: {', '.join(failed)}; the output stays off; see: microcurrent selftest")
    show.say(f"all {len(tests)} passed")


def declare_area(client: DeviceClient, show: Show) -> None:
    """Tell the board its electrodes' area; what permits more current needs its button, and here we are at it."""
    area = preferences.shown("area_mm2", AREA_MM2)
    show.step(f"declaration of {area} of electrode")
    pressed: list[str] = []

    def press(names: list[str]) -> None:
        client.request("status")  # the board has seen its button released: one that was held all along is no consent
        confirmation.press(client.port)
        pressed.extend(names)

    confirmation.change(client, {"area_mm2": AREA_MM2}, on_wait=press, on_left=lambda _left_s: None)
    how = "confirmed by the button on the virtual Pico" if pressed else "already"
    show.say(f"{area} declared, {how}")


def leave(place: Path, sim: Sim, records: Records, treated: Treated, middle_ns: int) -> dict[str, Path]:
    """Write what the session left; returns {what it is: file}."""
    session = records.session(treated.number)
    rows = records.telemetry(treated.number)
    files = {"picture": place / "session.png", "VCD": place / "session.vcd", "record": place / "session.json"}
    plot_run(session, rows, samples_of(sim, middle_ns), files["picture"])
    sim.ask(do="vcd", path=str(files["VCD"].absolute()), from_ns=middle_ns, to_ns=middle_ns + VCD_MS * NS_PER_MS)
    record_export.write(files["record"], records, [session])
    return {**files, "database": records.path}


def samples_of(sim: Sim, from_ns: int) -> Samples:
    """A few cycles as the probes saw them, from `from_ns` on."""
    found = sim.ask(do="samples", from_ns=from_ns, to_ns=from_ns + SHOWN_MS * NS_PER_MS, step_ns=SAMPLE_NS)
    time_ms = [(t_ns - from_ns) / NS_PER_MS for t_ns in found["t_ns"]]
    return Samples(time_ms, found["commanded_ua"], found["delivered_ua"], found["electrode_mv"])


def make(place: Path) -> Path:
    """The directory, created. Raises RecordError."""
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(
            f"{place} cannot be created ({error.strerror}); nothing was started; choose another with --dir"
        ) from None
    return place
