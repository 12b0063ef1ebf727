"""What a board proves of itself without its parts: nothing flows, what is missing is named, and it can be reached."""

import pytest

from firmware.shared import faults, framing
from microcurrent import flash, journal, remote, watchdog_proof
from microcurrent.build import build_firmware
from microcurrent.client import DeviceClient
from microcurrent.errors import FaultError, PortError, RefusedError
from microcurrent.transport import SerialTransport

from .conftest import SQUARE, Bench, Device
from .real import RealBoard

# At a prompt: as the self-test's last step does it, without the self-test. The gate pin is low there.
LET_IT_BITE = (
    b"from firmware.app import restart, watchdog\r\nrestart.request_watchdog_test()\r\ndog = watchdog.Watchdog(480)\r\n"
)


def prompt(device: Device) -> None:
    """Ctrl-C, and the prompt that it leaves."""
    device.write(b"\x03")
    device.heard(lambda found: b"output off, watchdog off" in found and found.rstrip().endswith(b">>>"))


def served_again(device: Device) -> None:
    """From a prompt back to the firmware."""
    device.write(b"import machine; machine.reset()\r\n")
    device.client.forget_events()
    device.client.await_reset(1.0)
    device.client.reconnect()


@pytest.mark.rung("bare")
def test_it_boots_with_the_gate_open_and_names_what_is_missing(device: Device) -> None:
    device.restarted()
    status = device.request("status")
    assert (status["state"], status["gate"], status["session"]) == (device.at_rest, 0, 0)
    latched = device.request("faults")["code"]
    if device.rung == "bare":
        assert latched == (faults.ESTOP if status["estop"] else faults.DAC_NO_ACK)
    elif device.rung == "dac":
        assert latched in (faults.SELFTEST_FAILED, faults.SUPPLY)
    else:
        assert latched == faults.NONE


@pytest.mark.rung("bare")
def test_what_is_missing_forbids_current_and_stays_latched(device: Device) -> None:
    """Where nothing is missing there is nothing to clear, and no number of a session that was never armed starts."""
    code = device.request("faults")["code"]
    if code == faults.NONE:
        device.request("clear")
    else:
        with pytest.raises(FaultError, match=r"stays latched|a fault is latched|persists"):
            device.request("clear")
        with pytest.raises(FaultError, match="a fault is latched"):
            device.start()
    with pytest.raises((RefusedError, FaultError), match=r"nothing is armed|a fault is latched"):
        device.request("start", {"session": 77})
    status = device.request("status")
    assert (status["state"], status["gate"], status["fault"]) == (device.at_rest, 0, code)


@pytest.mark.rung("bare")
def test_an_open_emergency_stop_cannot_be_cleared(device: Device) -> None:
    if isinstance(device, Bench):
        device.pico.drive_pin(device.pico.board.ESTOP_PIN, 1)
        device.wait_ms(50)
    if not device.request("status")["estop"]:
        pytest.skip(
            "the emergency stop is closed: run the rung again with its contact open, or without the bridge to GND"
        )
    with pytest.raises(FaultError, match="emergency stop is still open"):
        device.request("clear")
    assert device.request("faults")["code"] == faults.ESTOP


@pytest.mark.rung("bare")
def test_an_absent_dac_is_named_in_the_self_test(device: Device) -> None:
    """And one that is there answers."""
    if device.request("status")["estop"]:
        pytest.skip("the emergency-stop input is open, which is latched before the DAC: bridge it to GND and run again")
    first = device.request("selftest")["tests"][0]
    assert first[0] == "dac-answers" and first[1] is (device.rung != "bare"), first
    assert device.request("status")["gate"] == 0


@pytest.mark.rung("bare")
def test_the_journal_is_whole_and_survives_a_reset(device: Device) -> None:
    before = journal.read(device.client)
    assert before.problem is None
    device.restarted()
    after = journal.read(device.client)
    assert after.problem is None
    assert after.lines[: len(before.lines)] == before.lines or len(before.lines) > 20  # it may turn over


@pytest.mark.rung("bare")
def test_a_reset_by_request_says_so_and_keeps_the_settings(device: Device) -> None:
    before = device.request("config")
    device.request("config", {"set": {"lease_ms": 1234}})
    device.restarted()
    assert device.request("status")["reset"] == "software"
    assert device.request("config")["set"]["lease_ms"] == 1234
    device.request("config", before)


@pytest.mark.rung("bare")
def test_ctrl_c_leaves_a_prompt_and_no_watchdog(device: Device) -> None:
    prompt(device)
    device.write(b"from machine import Pin; print('gate', Pin(18).value())\r\n")
    device.heard(lambda found: b"gate 0" in found)
    device.idle_ms(1000)  # twice the watchdog's time
    device.write(b"print(6 * 7)\r\n")
    device.heard(lambda found: b"\n42" in found)
    served_again(device)
    assert device.state == device.at_rest


@pytest.mark.rung("bare")
def test_maintenance_leaves_a_quiet_prompt_and_the_next_reset_serves(device: Device) -> None:
    device.request("maintenance")
    flash.wait_for_prompt(device.client)
    device.idle_ms(1000)
    device.write(b"print(6 * 7)\r\n")
    device.heard(lambda found: b"\n42" in found)
    served_again(device)
    assert device.state == device.at_rest


@pytest.mark.rung("bare")
def test_a_watchdog_that_nobody_feeds_resets_the_board(device: Device) -> None:
    if device.at_rest == "READY":
        device.client.forget_events()
        assert device.request("selftest", {"watchdog": True})["passed"]
        assert "the watchdog reset the board" in watchdog_proof.follow_reset(device.client)
        return
    prompt(device)
    device.write(LET_IT_BITE)
    device.client.await_reset(2.0)
    device.client.reconnect(15.0)
    status = device.request("status")
    assert (status["reset"], status["gate"]) == ("watchdog", 0)
    assert "watchdog-test" in [kind for _time_ms, kind, _value in device.request("log")["events"]]
    assert status["fault"] != faults.WATCHDOG_RESET


# What people type, and worse --------------------------------------------------------------------------------------


@pytest.mark.rung("bare")
def test_words_that_a_person_types_are_answered(device: Device) -> None:
    device.write(b"status\r\nstop\nfaults\n")
    replies = device.heard(lambda found: len(answers(found, 0)) >= 3)
    assert [reply["ok"] for reply in answers(replies, 0)] == [True, True, True]


@pytest.mark.rung("bare")
def test_a_word_that_could_start_something_is_no_request(device: Device) -> None:
    device.write(b"start\nclear\ncommission\n")
    replies = device.heard(lambda found: len(answers(found, -1)) >= 3)
    assert [reply["err"] for reply in answers(replies, -1)] == ["frame"] * 3


@pytest.mark.rung("bare")
def test_a_damaged_request_is_refused_wherever_the_damage_is(device: Device) -> None:
    before = device.request("counters")["damaged_lines"]
    line = framing.encode({"id": 5, "cmd": "arm", "args": {"wave": SQUARE}}).encode()
    places = range(0, len(line) - 1, 3)
    for at in places:
        changed = bytearray(line)
        changed[at] ^= 4  # no byte of it becomes Ctrl-C or the end of a line
        device.write(bytes(changed))
        device.heard(lambda found: len(answers(found, -1)) == 1)
    assert device.request("counters")["damaged_lines"] - before == len(places)
    status = device.request("status")
    assert (status["state"], status["gate"]) == (device.at_rest, 0)


@pytest.mark.rung("bare")
def test_an_endless_line_and_half_a_line_are_dropped(device: Device) -> None:
    device.write(b"x" * 3000)
    device.idle_ms(800)
    device.write(b'\n00000000 {"id": 5\n')
    device.idle_ms(200)
    assert device.client.hello()["firmware"]


def answers(heard: bytes, number: int) -> list[dict]:
    """The replies with an id, of the whole frames in what was heard."""
    found = []
    for line in heard.splitlines():
        try:
            found.append(framing.decode(line))
        except framing.FrameError:
            continue
    return [message for message in found if message.get("id") == number]


# On a port that other programs open -------------------------------------------------------------------------------


@pytest.mark.rung("bare")
def test_every_file_on_the_board_is_that_of_the_build(serial_port: str) -> None:
    verified = flash.verify(serial_port, None)
    assert verified.files == len(build_firmware(verified.board).files)


@pytest.mark.rung("bare")
def test_an_upload_that_was_torn_accepts_a_new_one(serial_port: str, real_board: RealBoard) -> None:
    """A file is removed and main.py with it, as a torn upload leaves it: the board is at its prompt, output off."""
    if real_board.identity["image"] == "frozen":
        pytest.skip("its modules are frozen in the image: there are no files to upload")
    flash.quiesce(serial_port, flash.refuse_frozen)
    remote.run(serial_port, ["exec", "import os; os.remove('/main.py'); os.remove('/lib/firmware/core/gate.mpy')"])
    remote.reset(serial_port)
    with DeviceClient(SerialTransport(serial_port, flash.BACK_S)) as client:
        flash.wait_for_prompt(client)
    flashed = flash.flash(serial_port, None, say=lambda _text: None, progress=lambda *_: None)
    assert {"/main.py", "/lib/firmware/core/gate.mpy"} <= set(flashed.uploaded)
    with real_board.opened() as client:
        assert client.hello()["manifest"] == real_board.identity["manifest"]
        assert client.request("status")["gate"] == 0


@pytest.mark.rung("bare")
def test_a_port_that_is_held_is_refused_to_a_second_program(serial_port: str, real_board: RealBoard) -> None:
    with real_board.opened() as client, pytest.raises(PortError, match="in use by another program"):
        client.hello()
        real_board.opened()
