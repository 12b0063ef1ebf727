"""The link under rough handling: garbage, half lines, floods, a host that stops reading, missed telemetry."""

import json
import random
from itertools import pairwise

import pytest

from firmware.shared import framing, protocol
from microcurrent.errors import BadValueError, FirmwareError

from .conftest import SQUARE, Bench, Device


@pytest.mark.rung("bare")
def test_hello_names_what_answers(device: Device) -> None:
    identity = device.client.hello()
    assert identity["protocol"] == protocol.PROTOCOL_VERSION and identity["firmware"] == protocol.FIRMWARE_VERSION
    assert identity["hard_cap_ua"] == 1000 and len(identity["uid"]) >= 12
    assert identity["uid"].strip("f"), "a flash chip that does not answer reads as ff"


@pytest.mark.rung("bare")
def test_unknown_command_and_wrong_arguments(device: Device) -> None:
    with pytest.raises(FirmwareError, match="there is no command 'dance'"):
        device.request("dance")
    for command, arguments in (
        ("telemetry", {"rate_hz": protocol.TELEMETRY_RATE_MAX_HZ + 1}), ("telemetry", {"rate_hz": -1}),
        ("telemetry", {"rate_hz": "10"}),
        ("arm", {}), ("arm", {"wave": 3}), ("arm", {"wave": {"amplitude_ua": 1e3}}), ("replay", {"count": 0}),
    ):  # fmt: skip
        with pytest.raises(BadValueError):
            device.request(command, arguments)
    assert device.state == device.at_rest


def test_a_person_can_type_words(bench: Bench) -> None:
    bench.pico.serial_write(b"status\r\nstop\nfaults\n")
    bench.pico.run_for_ms(200)
    replies = [framing.decode(line) for line in bench.pico.serial_read().splitlines() if line]
    assert [reply["ok"] for reply in replies if reply.get("id") == 0] == [True, True, True]


def test_a_word_cannot_start_anything(bench: Bench) -> None:
    bench.pico.serial_write(b"start\nclear\ncommission\n")
    bench.pico.run_for_ms(100)
    replies = [framing.decode(line) for line in bench.pico.serial_read().splitlines() if line]
    assert [reply["err"] for reply in replies if reply.get("id") == -1] == ["frame"] * 3


def test_garbage_of_every_kind_never_starts_current_nor_stops_the_link(bench: Bench) -> None:
    """Seeded noise without the byte of Ctrl-C, half lines, frames with every byte damaged in turn."""
    noise = random.Random(1)
    start = framing.encode({"id": 5, "cmd": "arm", "args": {"wave": {"amplitude_ua": 100, "frequency_mhz": 10000,
                                                                       "duration_ms": 5000}}}).encode()  # fmt: skip
    for round_number in range(12):
        bench.pico.serial_write(bytes(noise.choice([*range(3), *range(4, 256)]) for _ in range(200)))
        damaged = bytearray(start)
        damaged[noise.randrange(len(damaged) - 1)] ^= 1 << noise.randrange(7)
        bench.pico.serial_write(b"\n" + damaged.replace(b"\x03", b"?") + start[: round_number * 9] + b"\n")
        bench.pico.run_for_ms(120)
    bench.pico.serial_read()
    assert bench.client.hello()["firmware"]
    assert bench.request("status")["state"] == "READY"
    assert bench.pico.gate == 0 and all(level == 0 for _t, level in bench.gate_edges_of_sessions())
    assert bench.request("counters")["damaged_lines"] > 10


@pytest.mark.rung("stage")
def test_a_half_line_does_not_hold_up_a_running_session(device: Device) -> None:
    def half(elapsed_s: float) -> None:
        if 0.5 < elapsed_s < 0.56:
            device.write(b'00000000 {"id": 5')
        if 1.0 < elapsed_s < 1.06:
            device.write(b"\n")

    ran = device.run(renew=False, during=half, duration_ms=1400)
    assert ran.reason == "duration" and ran.last["worst_late_us"] < 20


def test_an_endless_line_is_dropped(bench: Bench) -> None:
    bench.pico.serial_write(b"x" * 5000)
    bench.pico.run_for_ms(1500)
    bench.pico.serial_write(b"\n")
    bench.pico.run_for_ms(50)
    bench.pico.serial_read()
    assert bench.client.hello()["firmware"]


def test_five_hundred_requests_at_once_are_all_answered_in_order(bench: Bench) -> None:
    while bench.client.next_event(0.05):
        pass
    lines = [framing.encode({"id": number, "cmd": "telemetry", "args": {}}) for number in range(1000, 1500)]
    bench.pico.serial_write("".join(lines).encode())
    heard = bytearray()

    def incomplete() -> bool:
        heard.extend(bench.pico.serial_read())
        return heard.count(b"\n") < 500

    assert bench.pico.run_while(incomplete, 30_000)
    assert [framing.decode(line)["id"] for line in heard.splitlines()] == list(range(1000, 1500))


@pytest.mark.rung("stage")
def test_a_stream_of_harmless_questions_does_not_end_a_session(device: Device) -> None:
    """The slowest answers, as fast as the line takes them: the supervisor still comes in time."""
    terms = device.request("arm", {"wave": SQUARE | {"duration_ms": 60_000}, "lease_ms": 10_000})
    device.request("start", {"session": terms["session"]})
    device.wait_ms(800)
    questions = [framing.encode({"id": number, "cmd": ("log", "counters", "status", "config")[number % 4]})
                 for number in range(1000, 1120)]  # fmt: skip
    device.write("".join(questions).encode())
    device.heard(lambda found: found.count(b'"ok": true') >= len(questions))
    status = device.request("status")
    assert (status["state"], status["gate"], status["fault"]) == ("ACTIVE", 1, 0)
    values = dict(zip(protocol.TELEMETRY_FIELDS, status["telemetry"], strict=True))
    assert values["missed"] == 0


@pytest.mark.rung("stage")
def test_nesting_as_deep_as_a_line_allows_ends_nothing(device: Device) -> None:
    device.start(lease_ms=10_000, duration_ms=60_000, ramp_ms=100)
    device.wait_ms(600)
    shallow: object = []
    for _ in range(framing.MAX_BRACKETS - 5):
        shallow = [shallow]
    deep: object = []
    for _ in range(200):
        deep = [deep]
    for value in (shallow, deep):
        for message in (
            {"id": value, "cmd": "status"}, {"id": 1, "cmd": value}, {"id": 1, "cmd": "start", "args": value},
            {"id": 1, "cmd": "arm", "args": {"wave": {"shape": value}}},
            {"id": 1, "cmd": "lease", "args": {"session": value}},
        ):  # fmt: skip
            device.write(framing.encode(message).encode())
            device.wait_ms(100)
    status = device.request("status")
    assert (status["state"], status["gate"], status["fault"]) == ("ACTIVE", 1, 0)


@pytest.mark.rung("stage")
def test_a_host_that_stops_reading_neither_disturbs_the_waveform_nor_hides_its_end(device: Device) -> None:
    device.request("telemetry", {"rate_hz": protocol.TELEMETRY_RATE_MAX_HZ})
    device.start(duration_ms=3000, ramp_ms=200)
    device.pass_ms(1500)  # nobody takes what the board sends
    while device.client.next_event(0.05):
        pass
    status = device.request("status")
    values = dict(zip(protocol.TELEMETRY_FIELDS, status["telemetry"], strict=True))
    assert values["missed"] == 0 and values["worst_late_us"] < 20


def test_missed_telemetry_is_fetched_from_the_ring(bench: Bench) -> None:
    """Frames damaged on the wire leave gaps in the sequence; the client asks for them and gets them all."""
    read = bench.client.transport.read
    passed = 0

    def lossy(timeout_s: float) -> bytes:
        nonlocal passed
        data = bytearray(read(timeout_s))
        for index in range(len(data)):
            passed += 1
            if passed % 1500 == 0 and data[index] != 10:
                data[index] ^= 1
        return bytes(data)

    bench.client.transport.read = lossy
    ran = bench.run(duration_ms=3000)
    bench.client.transport.read = read
    assert bench.client.counters.missed > 0
    assert bench.client.counters.replayed > 0
    times = [row["time_ms"] for row in ran.rows]
    assert times == sorted(times)
    assert all(later - earlier < 250 for earlier, later in pairwise(times))


@pytest.mark.rung("stage")
def test_telemetry_rate_is_kept(device: Device) -> None:
    device.request("telemetry", {"rate_hz": protocol.TELEMETRY_RATE_MAX_HZ})
    ran = device.run(duration_ms=2000)
    if device.client.counters.missed and not isinstance(device, Bench):
        pytest.skip("this machine came late to the port: what is fetched again takes the board's time; run it again")
    # 310 ms of contact sensing and 2 s; a host on a port asks when it likes, which takes passes of the board's loop.
    assert (108 if isinstance(device, Bench) else 100) <= len(ran.rows) <= 118
    assert device.client.counters.missed == 0
    assert json.dumps(ran.rows[0])
