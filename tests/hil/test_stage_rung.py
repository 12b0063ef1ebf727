"""What a whole board proves of itself with a resistor in place of electrodes, by the link alone."""

import pytest

from firmware.shared import faults
from microcurrent import flash, journal

from .conftest import Device
from .test_bare import prompt, served_again
from .wiring import LOAD_OHM

TOLERANCE = 0.05  # of a current: a calibrated stage has 2 uA and 1 %, telemetry rounds; the virtual one has 0.6 %
LEASE_MS, AWAY_MS = 2000, 2600  # away for longer than the lease, the ramp and a pass


def active(device: Device, lease_ms: int = 10_000) -> None:
    """A long session at full amplitude."""
    device.start(lease_ms=lease_ms, duration_ms=60_000, ramp_ms=100)
    device.until("ACTIVE")
    device.wait_ms(250)  # a row whose whole interval was at that


@pytest.mark.rung("stage")
def test_ohms_law_holds_in_the_telemetry(device: Device) -> None:
    ran = device.run(duration_ms=1500, amplitude_ua=400)
    assert all(value == pytest.approx(400, rel=TOLERANCE) for value in ran.plateau("delivered_ua"))
    assert all(value == pytest.approx(LOAD_OHM, rel=2 * TOLERANCE) for value in ran.plateau("impedance_ohm"))
    millivolts = 400 * LOAD_OHM / 1000
    assert all(value == pytest.approx(millivolts, rel=2 * TOLERANCE) for value in ran.plateau("electrode_mv"))


@pytest.mark.rung("stage")
def test_a_change_is_delivered(device: Device) -> None:
    active(device)
    assert device.present("delivered_ua") == pytest.approx(200, rel=TOLERANCE)
    device.request("change", {"session": device.request("status")["session"], "wave": {"amplitude_ua": 100}})
    assert device.rows(700)[-1]["delivered_ua"] == pytest.approx(100, rel=TOLERANCE)


@pytest.mark.rung("stage")
def test_felt_goes_to_sensing_level_and_comes_back_at_four_fifths(device: Device) -> None:
    active(device)
    assert device.request("felt", {"by": "key"})["amplitude_ua"] == [160]
    rows = device.rows(1200)
    sensing = [row["peak_ua"] for row in rows if row["sensing"]]
    assert len(sensing) >= 3 and max(sensing[1:-1]) <= 12  # the first and the last interval are partly something else
    assert (device.state, rows[-1]["commanded_ua"]) == ("ACTIVE", 160)
    assert rows[-1]["delivered_ua"] == pytest.approx(160, rel=TOLERANCE)


@pytest.mark.rung("stage")
def test_a_port_that_is_closed_is_a_silent_host(device: Device) -> None:
    active(device, LEASE_MS)
    closed_ms = device.uptime_ms
    while device.uptime_ms - closed_ms < AWAY_MS:  # once, but where a slow machine emulates it
        device.client.close()
        device.pass_ms(AWAY_MS)
        device.client.reopen()
        device.client.hello()
    status = device.request("status")
    assert (status["end"], status["gate"], status["fault"]) == ("lease", 0, faults.LEASE_LOST)


@pytest.mark.rung("stage")
def test_ctrl_c_in_mid_session_opens_the_gate_and_the_journal_knows(device: Device) -> None:
    active(device)
    prompt(device)
    device.write(b"from machine import Pin; print('gate', Pin(18).value())\r\n")
    device.heard(lambda found: b"gate 0" in found)
    served_again(device)
    assert (device.state, device.request("status")["gate"]) == (device.at_rest, 0)
    kinds = [record["kind"] for record in journal.read(device.client).records if record]
    assert kinds[-1] == "interrupted"


@pytest.mark.rung("stage")
def test_maintenance_ends_a_session(device: Device) -> None:
    active(device)
    device.request("maintenance")
    flash.wait_for_prompt(device.client)
    device.write(b"from machine import Pin; print('gate', Pin(18).value())\r\n")
    device.heard(lambda found: b"gate 0" in found)
    served_again(device)
    assert device.state == device.at_rest


@pytest.mark.rung("stage")
def test_a_reset_in_mid_session_comes_back_with_the_output_off(device: Device) -> None:
    active(device)
    device.restarted()
    status = device.request("status")
    assert (status["state"], status["gate"], status["session"]) == ("READY", 0, 0)


@pytest.mark.rung("stage")
def test_settings_and_flash_are_left_alone_in_mid_session(device: Device) -> None:
    active(device)
    before = device.request("status")["session"]
    for command, arguments in (("config", {"set": {"lease_ms": 777}}), ("selftest", {}), ("commission", {})):
        with pytest.raises(Exception, match="is not possible in state ACTIVE"):
            device.request(command, arguments)
    assert (device.state, device.request("status")["session"]) == ("ACTIVE", before)
