"""Two outputs in files, in a process of its own, over the control socket and on the command line."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from boards.rp2040_pico_dual import board
from microcurrent import virtual
from microcurrent.bench.boards import emulated_boards
from microcurrent.bench.pico import VirtualPico
from microcurrent.bench.state import StateDirectory
from microcurrent.cli import cli
from microcurrent.connect import Wishes
from microcurrent.errors import BadValueError, PortError

from .conftest import MakePico, Start
from .python_on import boot, run
from .vcd_reader import decode_i2c, read_vcd

DUAL = board.BOARD
SESSION = """
from machine import I2C, Pin
buses = (I2C(0, sda=Pin(4), scl=Pin(5), freq=400000, timeout=2000),
         I2C(1, sda=Pin(6), scl=Pin(7), freq=400000, timeout=2000))
def put(bus, code): buses[bus].writeto(0x60, bytes((code >> 8, code & 255)))
gates = [Pin(n, Pin.OUT, value=1) for n in (18, 17)]
led = Pin(25, Pin.OUT, value=1)
for code in (2100, 2200, 2300):
    put(0, code)
    put(1, 4096 - code)
gates[1](0)
buses[1].scan()
put(0, 2048)
"""


@pytest.fixture(autouse=True)
def private_runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, image: Path) -> None:
    monkeypatch.setenv("MICROCURRENT_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    monkeypatch.setenv("MICROCURRENT_IMAGE", str(image))
    monkeypatch.delenv("MICROCURRENT_PORT", raising=False)


@pytest.fixture
def ran(make: MakePico) -> VirtualPico:
    pico = boot(make(board=board, load="1k", load2="2k", dac_eeprom=(2048, 0)))
    run(pico, SESSION)
    return pico


def rows_of(path: Path) -> list[list[str]]:
    return [line.split(",") for line in path.read_text().splitlines()]


# --- files


def test_vcd_holds_both(ran: VirtualPico, tmp_path: Path) -> None:
    both, alone = tmp_path / "both.vcd", tmp_path / "alone.vcd"
    second = ran.outputs[1]
    gate_off = second.trace.pin_edges(17)[-1][0]
    assert ran.write_vcd(both, 0, gate_off, tick_ns=1) == both.stat().st_size
    ran.trace.write_vcd(alone, 0, gate_off, tick_ns=1)
    found, first = read_vcd(both).signals, read_vcd(alone).signals
    names = {"SDA2", "SCL2", "gate2", "tripped2", "switch2", "dac2_code", "commanded2_ua", "delivered2_ua"}
    assert found.keys() - first.keys() == names | {"electrode2_mv"}
    assert {name: found[name] for name in first} == first
    sent = [[byte & 0xFF for byte in transfer] for transfer in decode_i2c(found["SDA2"], found["SCL2"])]
    assert sent == [[0xC0, code >> 8, code & 0xFF] for code in (1996, 1896, 1796)]
    assert [code for _, code in found["dac2_code"]] == [2048, 1996, 1896, 1796]
    assert found["gate2"] == found["switch2"] == [(0, 0), second.trace.pin_edges(17)[1]]
    assert found["tripped2"] == [(0, 0)]
    for name, asked in (("delivered2_ua", second.stage.current_ua), ("electrode2_mv", second.stage.electrode_mv)):
        assert min(value for _, value in found[name]) < -50
        for t_ns, value in found[name]:
            assert value == pytest.approx(asked(t_ns), abs=0.006)
    ran.write_vcd(both, gate_off + 1, tick_ns=1)
    later = read_vcd(both).signals
    scanned = [transfer[0] >> 1 & 0x7F for transfer in decode_i2c(later["SDA2"], later["SCL2"])]
    assert scanned == list(range(8, 120))
    assert decode_i2c(later["SDA"], later["SCL"]) == [[0xC0 | 0x100, 8 | 0x100, 0x100]]


def test_vcd_is_the_same_whatever_the_pieces_it_is_written_in(
    make: MakePico, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second bus is the slower one: its events reach back farther."""
    pico = boot(make(board=board, dac_eeprom=(2048, 0)))
    run(pico, SESSION.replace("Pin(7), freq=400000", "Pin(7), freq=100000"))
    pico.write_vcd(tmp_path / "whole.vcd")
    for window_ns in (300_000, 1_234_567):
        monkeypatch.setattr("microcurrent.bench.vcd.WINDOW_NS", window_ns)
        pico.write_vcd(tmp_path / "pieces.vcd")
        assert read_vcd(tmp_path / "pieces.vcd") == read_vcd(tmp_path / "whole.vcd")


def test_csv_holds_both(ran: VirtualPico, tmp_path: Path) -> None:
    second = ran.outputs[1]
    ran.fail(pump_rail="up", limiter_shorted="up")
    ran.run_for_ms(1)
    ran.reset("run")
    count = ran.write_csv(tmp_path / "both.csv")
    ran.trace.write_csv(tmp_path / "alone.csv")
    (*header,), *rows = rows_of(tmp_path / "both.csv")
    assert header == ["t_ns", "what", "value", "delivered_ua", "electrode_mv", "delivered2_ua", "electrode2_mv"]
    assert len(rows) == count and [int(row[0]) for row in rows] == sorted(int(row[0]) for row in rows)
    assert [row[:5] for row in rows if not row[1].endswith("2")] == rows_of(tmp_path / "alone.csv")[1:]
    own = [row[1:3] for row in rows if row[1].endswith("2")]
    assert sorted(own[:4]) == [["dac2", "2048"], ["gate2", "0"], ["switch2", "0"], ["tripped2", "0"]]  # at 0 ns
    assert own[4:6] == [["gate2", "1"], ["switch2", "1"]] and own[-2:] == [["gate2", "0"], ["switch2", "0"]]
    assert own[6:-2] == [["dac2", "1996"], ["dac2", "1896"], ["dac2", "1796"]]
    for t_ns, _, _, _, _, ua, mv in rows:
        assert float(ua) == pytest.approx(second.stage.current_ua(int(t_ns)), abs=1e-4)
        assert float(mv) == pytest.approx(second.stage.electrode_mv(int(t_ns)), abs=1e-3)
    assert [row[1:3] for row in rows].count(["reset", "run"]) == 1


def test_files_of_one_output_are_those_of_its_trace(make: MakePico, tmp_path: Path) -> None:
    pico = boot(make(dac_eeprom=(2048, 0)))
    for written, expected in ((pico.write_vcd, pico.trace.write_vcd), (pico.write_csv, pico.trace.write_csv)):
        assert written(tmp_path / "a") == expected(tmp_path / "b")
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
        assert b"2_ua" not in (tmp_path / "a").read_bytes()


def test_both_records_are_kept_from_the_same_instant(ran: VirtualPico, tmp_path: Path) -> None:
    traces = [each.trace for each in ran.outputs]
    ran.bound(10**9)
    assert [trace.begin_ns for trace in traces] == [0, 0]
    limit = sum(trace.size_bytes for trace in traces) - 1
    ran.bound(limit)
    assert sum(trace.size_bytes for trace in traces) <= limit
    assert traces[0].begin_ns == traces[1].begin_ns > 0
    ran.write_csv(tmp_path / "a.csv")
    assert rows_of(tmp_path / "a.csv")[1][:3] == [str(traces[0].begin_ns), "record", "begins"]


# --- a process of its own


def test_commands_of_a_channel(start: Start, tmp_path: Path) -> None:
    sim = start(board=DUAL, load="good", load2="dry")
    first, second = (sim.ask(do="status", channel=number) for number in (1, 2))
    assert (first["load"], second["load"], first["board"], first["channels"]) == ("good", "dry", DUAL, 2)
    assert sim.ask(do="load", name="2k", area_mm2=500, channel=2) == {"name": "2k", "area_mm2": 500}
    assert sim.ask(do="load", name="1k") == {"name": "1k", "area_mm2": 1000}
    assert sim.ask(do="fail", gate_stuck=True, channel=2)["faults"] == {"gate_stuck": True}
    assert sim.ask(do="fail", channel=1)["faults"] == {}
    assert sim.ask(do="dac", absent=True, hold_sda=True, channel=2)["hold_sda"] is True
    first, second = sim.ask(do="status"), sim.ask(do="status", channel=2)
    assert (first["load"], first["area_mm2"], second["load"], second["area_mm2"]) == ("1k", 1000, "2k", 500)
    assert (first["switch"], first["hold_sda"], first["dac"]["absent"], first["faults"]) == (False, False, False, {})
    assert (second["switch"], second["hold_sda"], second["dac"]["absent"]) == (True, True, True)
    assert (first["delivered_ua"], second["delivered_ua"]) == (0, pytest.approx(-820))  # 0 V: the limiter's current
    now_ns = sim.ask(do="time")["now_ns"]
    asked = {"do": "samples", "from_ns": now_ns - 200_000, "to_ns": now_ns}
    assert sim.ask(**asked)["delivered_ua"] == [0.0, 0.0]
    samples = sim.ask(**asked, channel=2)
    assert samples["delivered_ua"] == pytest.approx([-820, -820])
    assert samples["electrode_mv"] == pytest.approx([-1640, -1640])
    assert samples["charge_nc"] == pytest.approx(-164)
    sim.ask(do="csv", path=str(tmp_path / "a.csv"))
    sim.ask(do="vcd", path=str(tmp_path / "a.vcd"))
    assert rows_of(tmp_path / "a.csv")[0][-1] == "electrode2_mv"
    assert "delivered2_ua" in read_vcd(tmp_path / "a.vcd").signals


def test_channels_that_are_not_there(start: Start) -> None:
    one, two = start(name="one"), start(name="two", board=DUAL)
    for request in (
        {"do": "load", "name": "dry"},
        {"do": "status"},
        {"do": "dac"},
        {"do": "samples", "from_ns": 0, "to_ns": 1},
        {"do": "fail", "gate_stuck": True},
    ):
        with pytest.raises(PortError, match="rp2040_pico has one output; nothing was changed; use channel 1"):
            one.ask(**request, channel=2)
        with pytest.raises(PortError, match="no channel 3; nothing was changed; give 1 or 2"):
            two.ask(**request, channel=3)
    assert one.ask(do="status")["faults"] == {}


def test_boards_that_cannot_be_started(start: Start) -> None:
    assert emulated_boards() == ["rp2040_pico", DUAL]
    for name, text in (("esp32_devkit", "esp32_devkit has no emulator"), ("uno", "there is no board 'uno'")):
        with pytest.raises(BadValueError, match=f"{text}; nothing was started; .* rp2040_pico, {DUAL}"):
            start(board=name)
    with pytest.raises(BadValueError, match="rp2040_pico has one output"):
        start(load2="dry")
    with pytest.raises(BadValueError, match="no load 'wet'"):
        start(board=DUAL, load2="wet")


def test_both_eeproms_are_kept(make: MakePico, tmp_path: Path) -> None:
    def used(eeproms: tuple[int, ...], **keywords: Any) -> str:
        state = StateDirectory(tmp_path)
        pico = make(**keywords)
        state.restore_files(pico)
        for output, code in zip(pico.outputs, eeproms, strict=True):
            output.dac.eeprom_code = code
        state.save(pico)
        state.close()
        return (tmp_path / "dac.json").read_text()

    def kept() -> list[tuple[int, int]]:
        state = StateDirectory(tmp_path)
        state.close()
        return [state.dac_eeprom((7, 1), channel) for channel in (1, 2)]

    assert kept() == [(7, 1), (7, 1)]
    assert used((2047,)) == '{"code": 2047, "power_down": 0}'
    assert kept() == [(2047, 0), (7, 1)]
    used((2048, 2050), board=board)
    assert kept() == [(2048, 0), (2050, 0)]
    used((2049,))  # wired to one output for a while
    assert kept() == [(2049, 0), (2050, 0)]


# --- what commands start


def test_one_for_a_command(tmp_path: Path) -> None:
    def borrowed(wishes: Wishes | None = None, **wished: Any) -> Any:
        return virtual.borrowed(wishes or Wishes(), data_dir=str(tmp_path), say=lambda _text: None, **wished)

    with borrowed() as sim:
        assert (sim.board, sim.load, sim.load2, sim.ask(do="status")["channels"]) == ("rp2040_pico", "typical", None, 1)
        with pytest.raises(PortError, match="has one output"):
            sim.put_load("dry", None, 2)
    with borrowed(Wishes(load="good"), board=DUAL, load2="dry") as sim:
        assert (sim.board, sim.load, sim.load2) == (DUAL, "good", "dry")
        sim.put_load("open", 500, 2)
        told = [sim.ask(do="status", channel=number) for number in (1, 2)]
        assert [(each["load"], each["area_mm2"]) for each in told] == [("good", 1000), ("open", 500)]
        assert (sim.load, sim.load2) == ("good", "open")
        with borrowed(Wishes(area_mm2=700), load2="2k") as same:
            assert (same.port, same.board, same.load, same.load2) == (sim.port, DUAL, "good", "2k")
            told = [same.ask(do="status", channel=number) for number in (1, 2)]
            assert [(each["load"], each["area_mm2"]) for each in told] == [("good", 700), ("2k", 700)]
        with borrowed(Wishes(area_mm2=800)) as same:
            told = [same.ask(do="status", channel=number) for number in (1, 2)]
            assert [(each["load"], each["area_mm2"]) for each in told] == [("good", 800), ("2k", 800)]
        with pytest.raises(BadValueError, match=f"runs is {DUAL}, not rp2040_pico; nothing was changed; use that one"):
            with borrowed(board="rp2040_pico"):
                pass
    with borrowed() as sim:
        assert (sim.board, sim.load2) == (DUAL, "typical")  # as it was left
    assert virtual.board_in(tmp_path / "sim") == DUAL
    with pytest.raises(BadValueError, match="esp32_devkit has no emulator"), borrowed(board="esp32_devkit"):
        pass
    with borrowed(board="rp2040_pico") as sim:
        assert sim.board == "rp2040_pico"


@pytest.mark.parametrize("contents", [b"", b"short", bytes(2 * 1024 * 1024)])
def test_a_directory_without_firmware_is_of_the_usual_board(tmp_path: Path, contents: bytes) -> None:
    assert virtual.board_in(tmp_path) == "rp2040_pico"
    (tmp_path / "flash.bin").write_bytes(contents)
    assert virtual.board_in(tmp_path) == "rp2040_pico"


def test_load_of_a_channel(start: Start) -> None:
    sim = start(name="two", board=DUAL)
    done = CliRunner().invoke(cli, ["load", "dry", "--channel", "2", "--area", "5cm2", "--port", "two"])
    assert (done.exit_code, done.output) == (0, "channel 2: load dry under 5 cm2\n")
    done = CliRunner().invoke(cli, ["load", "good", "--json"])
    assert (done.exit_code, json.loads(done.output)) == (0, {"name": "good", "area_mm2": 1000})
    assert [sim.ask(do="status", channel=number)["load"] for number in (1, 2)] == ["good", "dry"]
    assert CliRunner().invoke(cli, ["load", "good", "--channel", "3"]).exit_code == 2
    start(name="one")
    done = CliRunner().invoke(cli, ["load", "dry", "--channel", "2", "--port", "one"])
    assert done.exit_code == PortError.exit_code
    assert done.stderr.startswith("error: rp2040_pico has one output; nothing was changed; use channel 1, or ")


def test_sim_of_a_board_with_two(tmp_path: Path) -> None:
    csv, vcd, state = (str(tmp_path / name) for name in ("a.csv", "a.vcd", "state"))
    command = [sys.executable, "-c", "from microcurrent.cli import main; main()", "sim", "--json", "--state", state]
    asked = [*command, "--board", DUAL, "--load2", "open", "--csv", csv, "--vcd", vcd]
    for arguments in (asked, command):  # the second time it is what the directory holds
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            try:
                ready = json.loads(process.stdout.readline())
                status = virtual.ask(ready["control"], do="status", channel=2)
            finally:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=60)
        assert (status["board"], status["load"]) == (DUAL, "open" if arguments is asked else "typical")
    assert rows_of(Path(csv))[0][-1] == "electrode2_mv" and "dac2_code" in read_vcd(Path(vcd)).signals


@pytest.mark.parametrize("more", [[], ["--blank"]])
def test_sim_of_a_board_without_emulator(more: list[str]) -> None:
    done = CliRunner().invoke(cli, ["sim", "--board", "esp32_devkit", *more])
    assert done.exit_code == BadValueError.exit_code
    assert done.stderr.startswith("error: esp32_devkit has no emulator; nothing was started; a virtual Pico can be one")
