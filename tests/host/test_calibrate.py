"""`microcurrent calibrate` as a person uses it: SCPI over a socket, typed readings, and everything that is refused."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware.shared import settings, waveform
from microcurrent.bench.control_commands import COMMANDS
from microcurrent.bench.pico import VirtualPico
from microcurrent.calibrate import age, meters
from microcurrent.calibrate.fit import Point
from microcurrent.calibrate.procedure import refuse_swapped
from microcurrent.errors import VerifyError
from microcurrent.records import Records

from .conftest import Cli, booted, make_board

DECLARED = {"profile": 1, "zone": waveform.ZONES.index("body"), "area_mm2": 1000}


@pytest.fixture(scope="module")
def board(image: Path, firmware_files: dict[str, bytes]) -> VirtualPico:
    """A board that permits what a calibration needs, on the usual resistor."""
    slot = settings.encode_slot(1, settings.defaults() | DECLARED)
    pico = booted(make_board(image, firmware_files | {"/settings_a": slot}))
    pico.set_load("4k7")
    return pico


@pytest.fixture(autouse=True)
def short_phases(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a real meter needs to settle, the bench's does not."""
    for meter in (meters.ScpiMeter, meters.TypedMeter):
        monkeypatch.setattr(meter, "phase_ms", 100)


class BenchMeter:
    """A SCPI meter on a TCP socket, in series with the virtual electrodes or across them."""

    def __init__(self, pico: VirtualPico) -> None:
        self.pico = pico
        self.factor = 1.0
        self.asked: list[str] = []

    def answer(self, line: str) -> str:
        self.asked.append(line)
        if line == "*IDN?":
            return "Example,DMM6,0,1.0"
        found = COMMANDS["meter"](self.pico, {"ms": 20})
        if line == "MEAS:CURR:DC?":
            return f"{found['ua'] * 1e-6 * self.factor:+.8E}"
        if line == "MEAS:VOLT:DC?":
            return f"{found['mv'] * 1e-3 * self.factor:+.8E}"
        return "9.9E+37"


@contextmanager
def served(meter: BenchMeter) -> Iterator[str]:
    """Its VISA address while it listens."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                self.wfile.write(meter.answer(line.decode().strip()).encode() + b"\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"TCPIP::127.0.0.1::{server.server_address[1]}::SOCKET"
        finally:
            server.shutdown()
            thread.join()


def shown(mc: Cli) -> dict:
    return json.loads(mc("calibrate --show --json").stdout)


def test_a_meter_over_scpi_in_series(mc: Cli, board: VirtualPico) -> None:
    """From none to a verified calibration; then its id stands in status, doctor, and the record of a session."""
    assert "not calibrated: the design's numbers hold" in mc("calibrate --show").stdout
    meter = BenchMeter(board)
    with served(meter) as address:
        result = mc(f"calibrate --meter {address} --yes --json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    has = told["calibration"]
    assert has["reference"] == "Example,DMM6,0,1.0" and has["day"] == age.today()
    assert abs(has["channels"][0]["offset_na"] - 500) < 250 and abs(has["channels"][0]["gain_ppm"] - 3000) < 1500
    verified = told["channels"][0]["verified"]
    assert [point["asked_ua"] for point in verified] == [125, -125, 400, -400]
    assert all(point["good"] and abs(point["true_ua"] - point["asked_ua"]) < 1 for point in verified)
    assert meter.asked[0] == "*IDN?" and set(meter.asked[1:]) <= {"MEAS:CURR:DC?", "*IDN?"}
    assert shown(mc) == {"calibration": has, "problem": None}
    assert f"calibration  {has['id']}, made " in mc("status").stdout
    assert json.loads(mc("status --json").stdout)["device"]["calibration"] == [has["id"], has["day"]]
    assert mc("run square --amplitude 100uA --frequency 20Hz --duration 300ms --ramp 100ms").exit_code == 0
    with Records() as records:
        (session,) = records.sessions()
        assert session["calibration"] == has["id"]


def test_a_meter_across_the_resistor_and_a_query_of_its_own(mc: Cli, board: VirtualPico) -> None:
    with served(BenchMeter(board)) as address:
        result = mc(f"calibrate --meter {address} --measures voltage --resistor 4.7k --yes")
        assert result.exit_code == 0, result.output
        assert "500 uA" in result.stdout and "uA into 4700 ohm" in result.stderr and "365 days left" in result.stdout
        lines = [line for line in result.stdout.splitlines() if line.endswith("  ok")]
        assert len(lines) == 4
        overload = mc(f"calibrate --meter {address} --query READ? --yes")
    assert overload.exit_code == 10 and "the meter shows an overload; nothing was stored" in overload.stderr


def test_typed_readings_from_a_file(mc: Cli, board: VirtualPico, tmp_path: Path) -> None:
    """The unit is the bench's: 1.003 and 0.5 uA; a person reads MIN and MAX of each session."""
    before = shown(mc)
    readings = tmp_path / "readings.txt"
    true = [each + 0.25 for amplitude in (50, 200, 500, 125, 400) for each in (amplitude, -amplitude)]
    readings.write_text("# uA\n" + "\n".join(f"{value:.1f} uA" for value in true) + "\n")
    result = mc(f"calibrate --readings {readings} --yes --json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["calibration"]["reference"] == "typed current"
    assert shown(mc) != before
    readings.write_text("50\nfifty\n")
    wrong = mc(f"calibrate --readings {readings} --yes")
    assert wrong.exit_code == 2 and "'fifty' is no reading; nothing was stored" in wrong.stderr
    readings.write_text("50\n")
    short = mc(f"calibrate --readings {readings} --yes")
    assert short.exit_code == 2 and "has no reading left for: meter in the negative phase, about -50 uA" in short.stderr
    assert mc(f"calibrate --readings {tmp_path / 'none'} --yes").exit_code == 9
    board.run_for_ms(10)


REFUSED = [
    (1.2, "4.7k", 10, "an honest unit has"),
    (
        1.0,
        "8k",
        6,
        "8000 ohm +-15% were expected; nothing was stored; the session was ramped down; is the right",
    ),
]


@pytest.mark.parametrize(("factor", "resistor", "code", "text"), REFUSED)
def test_what_is_implausible_changes_nothing(
    mc: Cli, board: VirtualPico, factor: float, resistor: str, code: int, text: str
) -> None:
    before = shown(mc)
    meter = BenchMeter(board)
    meter.factor = factor
    with served(meter) as address:
        result = mc(f"calibrate --meter {address} --resistor {resistor} --yes")
    assert result.exit_code == code and text in result.stderr, result.output
    assert shown(mc) == before and json.loads(mc("status --json").stdout)["state"] == "READY"


def test_readings_that_no_output_can_have() -> None:
    points = [Point(asked, 2048, -asked * 1.01, asked) for asked in (50, -50, 200, -200)]
    with pytest.raises(VerifyError, match=r"shows -50 uA at 50 uA, and so at all points: its leads are swapped"):
        refuse_swapped(points, 1)
    refuse_swapped([*points[:3], Point(-200, 2048, -201.0, -200)], 1)
    assert meters.true_ua(0.0005, meters.CURRENT, 10000.0) == 500
    assert meters.true_ua(-5.0, meters.VOLTAGE, 10000.0) == -500
    for value in (0.005, -0.005, float("nan"), float("inf"), 9.9e37):
        with pytest.raises(VerifyError, match=r"more than 1500 uA can flow from no output here|an overload"):
            meters.true_ua(value, meters.CURRENT, 10000.0)


def test_what_cannot_begin(mc: Cli) -> None:
    for line, code, text in (
        ("calibrate --show --erase", 2, "exclude each other"),
        ("calibrate --meter sim --yes", 2, "--meter sim is the meter of a virtual Pico, and the board is none"),
        ("calibrate --meter TCPIP::127.0.0.1::9::SOCKET --yes", 4, "does not answer as a SCPI meter does"),
        ("calibrate", 2, "nobody can be asked here; no current has flowed outside of the board"),
        ("calibrate --resistor 5", 2, "has no unit"),
    ):
        result = mc(line)
        assert result.exit_code == code and text in result.stderr, result.output


def test_only_inside_and_erase(mc: Cli) -> None:
    assert "not calibrated" in mc("calibrate --erase").stdout
    told = json.loads(mc("calibrate --internal --json").stdout)
    assert told["calibration"]["reference"] == "internal" and told["channels"][0]["checked"] == []
    assert "the sense's own gain is not proven" in mc("calibrate --show").stdout
    assert json.loads(mc("calibrate --erase --json").stdout) == {"calibration": None, "problem": None}


def test_a_board_that_permits_too_little(mc: Cli) -> None:
    """Last: what lowers a limit needs no button, what raises it again does."""
    assert mc("config set zone eyes").exit_code == 0
    result = mc("calibrate --readings /dev/null --yes")
    assert result.exit_code == 6, result.output
    assert "the board permits 100 uA (rule zone), a calibration needs 200 uA into its resistor" in result.stderr
    assert shown(mc)["calibration"] is None
