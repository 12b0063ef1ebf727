"""Traces and their files."""

from itertools import pairwise
from pathlib import Path

import pytest

from microcurrent.bench.pico import VirtualPico

from . import sigrok_check
from .conftest import MakePico
from .python_on import boot, run
from .vcd_reader import decode_i2c, read_vcd

CODES = [2048, 2049, 2303, 0, 4095, 1365, 2730, 2048]
SESSION = f"""
from machine import I2C, Pin
bus = I2C(0, sda=Pin(4), scl=Pin(5), freq=400000, timeout=2000)
bus.writeto(0x60, b'\\x08\\x00')
gate = Pin(18, Pin.OUT, value=1)
led = Pin(25, Pin.OUT, value=1)
for code in {CODES}: bus.writeto(0x60, bytes((code >> 8, code & 255)))
bus.readfrom(0x60, 5)
bus.writeto(0x60, b'\\x08')
gate(0)
led(0)
bus.scan()
"""


@pytest.fixture
def ran(make: MakePico) -> VirtualPico:
    pico = boot(make(load="typical", dac_eeprom=(2048, 0)))
    run(pico, SESSION)
    return pico


@pytest.mark.parametrize("tick_ns", [1, 10, 100])
def test_vcd_decodes_to_what_was_sent(ran: VirtualPico, tmp_path: Path, tick_ns: int) -> None:
    path = tmp_path / "trace.vcd"
    gate_off = ran.trace.pin_edges(18)[-1][0]
    assert ran.trace.write_vcd(path, 0, gate_off, tick_ns=tick_ns) == path.stat().st_size
    vcd = read_vcd(path)
    transfers = decode_i2c(vcd.signals["SDA"], vcd.signals["SCL"])
    acknowledged = [[byte & 0xFF for byte in transfer] for transfer in transfers]
    assert acknowledged[0] == [0xC0, 0x08, 0x00]
    assert acknowledged[1:-2] == [[0xC0, code >> 8, code & 0xFF] for code in CODES]
    assert acknowledged[-2] == [0xC1, 0xC0, 0x80, 0x00, 0x08, 0x00]
    assert transfers[-2][-1] >> 8 == 0  # the controller does not acknowledge the last byte
    assert acknowledged[-1] == [0xC0, 0x08]


def test_vcd_keeps_the_timing_of_fast_mode(ran: VirtualPico, tmp_path: Path) -> None:
    """Set-up of data 100 ns, hold 0, clock high 600 ns, low 1300 ns: UM10204, table 10."""
    path = tmp_path / "trace.vcd"
    ran.trace.write_vcd(path, 0, ran.trace.pin_edges(18)[-1][0], tick_ns=1)
    vcd = read_vcd(path)
    clock = [(t_ns, level) for t_ns, level in vcd.signals["SCL"] if t_ns]
    for (before, level), (after, _) in pairwise(clock):
        assert after - before >= (600 if level else 1300)
    rises = [t_ns for t_ns, level in clock if level]
    data = [t_ns for t_ns, _ in vcd.signals["SDA"]]
    assert all(not 0 <= rise - t_ns < 100 for rise in rises for t_ns in data if abs(rise - t_ns) < 1000)


def test_vcd_shows_pins_dac_current_and_voltage(ran: VirtualPico, tmp_path: Path) -> None:
    path = tmp_path / "trace.vcd"
    ran.trace.write_vcd(path, analog_step_ns=10_000, tick_ns=1)
    signals = read_vcd(path).signals
    edges = ran.trace.pin_edges(18)
    assert signals["gate"] == [(0, 0), *edges[1:]]
    assert [level for _, level in signals["led"]] == [0, 1, 0]
    assert signals["estop"] == [(0, 0)]
    assert signals["switch"] == signals["gate"] == ran.trace.switch
    assert [signals[name] for name in ("dummy", "trip_test", "tripped", "button")] == [[(0, 0)]] * 4
    assert [code for _, code in signals["dac_code"]] == CODES  # the first and last repeat what was there
    assert max(ua for _, ua in signals["commanded_ua"]) == pytest.approx(999.512)
    closed = [t_ns for t_ns, ua in signals["delivered_ua"] if ua]
    assert edges[1][0] <= closed[0] and closed[-1] <= edges[2][0]
    for t_ns, mv in signals["electrode_mv"][::50]:
        assert mv == pytest.approx(ran.stage.electrode_mv(t_ns), abs=0.006)


def test_vcd_shows_bit_banged_wires(ran: VirtualPico, tmp_path: Path) -> None:
    path = tmp_path / "trace.vcd"
    ran.trace.write_vcd(path, ran.trace.pin_edges(18)[-1][0] + 1)
    vcd = read_vcd(path)
    transfers = decode_i2c(vcd.signals["SDA"], vcd.signals["SCL"])
    assert [transfer[0] >> 1 & 0x7F for transfer in transfers] == list(range(8, 120))
    assert [transfer[0] >> 1 & 0x7F for transfer in transfers if transfer[0] >> 8] == [0x60]


def test_vcd_of_an_interval_begins_with_the_levels_then(ran: VirtualPico, tmp_path: Path) -> None:
    path = tmp_path / "trace.vcd"
    gate_on, gate_off = (t_ns for t_ns, _ in ran.trace.pin_edges(18)[1:])
    whole, part = tmp_path / "whole.vcd", path
    ran.trace.write_vcd(whole, tick_ns=1)
    ran.trace.write_vcd(part, gate_on + 1, gate_off, tick_ns=1)
    vcd = read_vcd(part)
    assert vcd.signals["gate"] == vcd.signals["switch"] == [(gate_on + 1, 1)]
    assert vcd.signals["dac_code"][0] == (gate_on + 1, 2048)
    for name in ("SDA", "SCL", "dac_code"):
        inside = [change for change in read_vcd(whole).signals[name] if gate_on < change[0] < gate_off]
        assert vcd.signals[name][1:] == inside


def test_vcd_may_begin_inside_a_transfer(ran: VirtualPico, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole.vcd", tmp_path / "part.vcd"
    ran.trace.write_vcd(whole, tick_ns=1)
    first_ns = ran.trace.dac_ns[2]
    for begin in range(first_ns - 70_000, first_ns + 3_000, 1_777):
        ran.trace.write_vcd(part, begin, first_ns + 300_000, tick_ns=1)
        for name in ("SDA", "SCL"):
            then = [level for t_ns, level in read_vcd(whole).signals[name] if t_ns <= begin][-1]
            assert read_vcd(part).signals[name][0] == (begin, then)


def test_what_sigrok_prints(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Fast writes alone count: not three-byte commands, not reads."""
    lines = ["Write", "Address write: 60", "Data write: 07", "Data write: FF", "Address write: 60", "Data write: 60"]
    lines += ["Data write: 80", "Data write: 00", "Address write: 60", "Data write: 08", "Data write: 00"]
    codes = sigrok_check.codes_of("".join(f"i2c-1: {line}\n" for line in lines))
    assert codes == [2047, 2048]
    for decoded, code, text in (
        (codes, 0, "all 2 codes are equal, in order"),
        ([2047], 1, "DIFFERENT from update 1 on: the trace has 2048, sigrok None"),
        ([2047, 2048, 0], 1, "DIFFERENT from update 2 on: the trace has None, sigrok 0"),
    ):
        assert sigrok_check.compare(codes, decoded) == code
        assert capsys.readouterr().out == f"result: {text}\n"
    monkeypatch.setattr(sigrok_check.shutil, "which", lambda _name: None)
    assert sigrok_check.main() == 2
    assert capsys.readouterr().err.endswith("; nothing was checked; run: apt-get install sigrok-cli\n")


def test_csv(ran: VirtualPico, tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    rows = ran.trace.write_csv(path)
    lines = [line.split(",") for line in path.read_text().splitlines()]
    assert lines[0] == ["t_ns", "what", "value", "delivered_ua", "electrode_mv"]
    assert len(lines) == rows + 1
    assert [int(value) for _, what, value, *_ in lines if what == "dac"] == [2048, 2048, *CODES]
    assert [value for _, what, value, *_ in lines if what == "gate"] == ["0", "1", "0"]
    assert [value for _, what, value, *_ in lines if what == "switch"] == ["0", "1", "0"]
    times = [int(line[0]) for line in lines[1:]]
    assert times == sorted(times)
    for t_ns, _, _, ua, mv in lines[1:]:
        assert float(ua) == pytest.approx(ran.stage.current_ua(int(t_ns)), abs=1e-4)
        assert float(mv) == pytest.approx(ran.stage.electrode_mv(int(t_ns)), abs=1e-3)


def answers(pico: VirtualPico, from_ns: int, place: Path) -> tuple[bytes, bytes, list[list[float]], float]:
    """Everything that can be asked about [from_ns, present]."""
    trace = pico.trace
    trace.write_vcd(place, from_ns, tick_ns=1)
    vcd = place.read_bytes()
    trace.write_csv(place, from_ns)
    samples = [column.tolist() for column in trace.current(from_ns, pico.now_ns, 10_007)]
    return vcd, place.read_bytes(), samples, trace.charge_nc(from_ns, pico.now_ns)


def test_what_is_kept_answers_as_before(ran: VirtualPico, tmp_path: Path) -> None:
    """Whatever is asked about the time that is kept: inside transfers, at DAC updates, at the gate's edges."""
    trace = ran.trace
    gate_on, gate_off = (t_ns for t_ns, _ in trace.pin_edges(18)[1:])
    begins = [*range(gate_on - 100_000, gate_off + 100_000, 77_777), *trace.dac_ns[2:], gate_on, gate_off]
    before = [(begin, answers(ran, begin, tmp_path / "a")) for begin in sorted(begins)]
    for begin, expected in before:
        size = trace.size_bytes
        trace.forget(begin)
        assert trace.size_bytes <= size
        assert answers(ran, begin, tmp_path / "a") == expected
    assert [len(trace.pin_edges(pin)) for pin in trace.pin_names] == [1] * 9
    assert [closed for _, closed in trace.switch] == [False]


def test_what_is_not_kept_is_left_out(ran: VirtualPico, tmp_path: Path) -> None:
    path, trace = tmp_path / "a", ran.trace
    begin = trace.dac_ns[5] + 1
    vcd, csv, _, charge = answers(ran, begin, path)
    trace.forget(begin)
    vcd_later, csv_later, (t_ns, *_), charge_later = answers(ran, 0, path)
    assert vcd_later.decode() == vcd.decode().replace(
        "time $end", f"time; what was before {begin} ns is not kept $end", 1
    )
    note, *rows = csv_later.decode().splitlines()[1:]
    assert (note.split(",")[:3], rows) == ([str(begin), "record", "begins"], csv.decode().splitlines()[1:])
    assert t_ns[0] == -(-begin // 10_007) * 10_007
    assert charge_later == charge
    assert trace.charge_nc(0, begin) == 0.0
    assert trace.write_csv(path, 0, begin - 1) == 0
    trace.write_vcd(path, 0, begin - 1)
    assert read_vcd(path).end_ns == begin // 10 * 10


def test_a_bounded_trace(ran: VirtualPico) -> None:
    trace = ran.trace
    limit = trace.size_bytes // 2
    trace.bound(trace.size_bytes)
    assert trace.begin_ns == 0
    trace.bound(limit)
    kept_ns = ran.now_ns - trace.begin_ns
    assert trace.size_bytes <= limit
    ran.run_for_ms(5)
    trace.bound(limit)
    assert ran.now_ns - trace.begin_ns == kept_ns + 5_000_000  # idleness takes no memory


def test_csv_notes_resets(ran: VirtualPico, tmp_path: Path) -> None:
    ran.reset("watchdog")
    at = ran.now_ns
    ran.trace.write_csv(tmp_path / "trace.csv")
    assert f"\n{at},reset,watchdog,0.0000," in (tmp_path / "trace.csv").read_text()


def test_the_trace_shows_the_switch_where_it_does_not_follow_its_pin(make: MakePico, tmp_path: Path) -> None:
    pico = boot(make(load="1k", dac_eeprom=(2048, 0)))
    run(pico, "from machine import Pin; gate = Pin(18, Pin.OUT, value=1)")
    fault_ns = pico.now_ns + 1000
    pico.at(fault_ns, lambda: pico.fail(pump_rail="up", limiter_shorted="up"))
    pico.run_for_ms(1)
    opened_ns = fault_ns + 2_000
    assert pico.trace.switch[-1] == (opened_ns, False)
    pico.trace.write_vcd(tmp_path / "a.vcd", tick_ns=1)
    signals = read_vcd(tmp_path / "a.vcd").signals
    assert signals["switch"] == pico.trace.switch
    assert signals["tripped"] == [(0, 0), (opened_ns, 1)]
    assert signals["gate"][-1] == pico.trace.switch[1]
    pico.trace.write_csv(tmp_path / "a.csv")
    rows = (tmp_path / "a.csv").read_text().splitlines()
    assert [row for row in rows if row.startswith(f"{opened_ns},")] == [
        f"{opened_ns},tripped,1,0.0000,0.000",
        f"{opened_ns},switch,0,0.0000,0.000",
    ]
