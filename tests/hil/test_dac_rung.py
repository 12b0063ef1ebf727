"""What a board with its DAC proves without an output stage: the part answers, keeps zero, and its EEPROM holds it."""

import pytest

from boards.rp2040_pico import board as pico_board

from .conftest import Device

WITHOUT_CURRENT = ("dac-answers", "dac-moves", "dac-eeprom")  # checks of the self-test that need no stage


@pytest.mark.rung("dac")
def test_commissioning_stores_zero_current_once(device: Device) -> None:
    told = device.request("commission")
    assert (told["eeprom_code"], told["eeprom_power_down"]) == (pico_board.ZERO_CODE, 0)
    assert device.request("commission")["written"] is False
    assert device.client.hello()["commissioned"] is True


@pytest.mark.rung("dac")
def test_the_dac_rests_at_zero_current_after_a_reset(device: Device) -> None:
    device.request("commission")
    device.restarted()
    held = device.request("dac")
    assert (held["ready"], held["dac_code"], held["dac_power_down"]) == (1, pico_board.ZERO_CODE, 0)


@pytest.mark.rung("dac")
def test_the_checks_of_the_dac_pass(device: Device) -> None:
    device.request("commission")
    results = {name: passed for name, passed, _reading, _text in device.request("selftest")["tests"]}
    assert {name: results.get(name) for name in WITHOUT_CURRENT} == dict.fromkeys(WITHOUT_CURRENT, True)
    assert all(results.values()) is (device.at_rest == "READY"), results
    assert device.request("status")["gate"] == 0
