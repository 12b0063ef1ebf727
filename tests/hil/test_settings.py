"""Settings survive resets, torn writes and damage; they are never written while current can flow."""

from collections.abc import Callable

import pytest

from firmware.hw import storage
from firmware.shared import faults, framing, settings
from microcurrent.bench import files
from microcurrent.errors import BadValueError, RefusedError

from .conftest import Bench, Device
from .shutter import Shutter


@pytest.mark.rung("bare")
def test_answer_reproduces_the_setting(device: Device) -> None:
    before = device.request("config")
    assert set(before["set"]) == set(settings.defaults())
    device.request("config", {"set": {"lease_ms": 3210}})
    changed = device.request("config")
    assert changed["set"]["lease_ms"] == 3210
    assert device.request("config", before) == before


def test_settings_survive_a_reset(bench: Bench) -> None:
    bench.request("config", {"set": {"lease_ms": 1234}})
    bench.pico.reset("power")
    bench.client.reconnect()
    assert bench.request("config")["set"]["lease_ms"] == 1234


@pytest.mark.rung("bare")
def test_bad_values_change_nothing(device: Device) -> None:
    before = device.request("config")
    for changes in ({"lease_ms": 499}, {"lease_ms": True}, {"nonsense": 1}, {"lease_ms": 600, "telemetry_hz": 51}):
        with pytest.raises(BadValueError):
            device.request("config", {"set": changes})
    with pytest.raises(BadValueError, match="settings must be an object"):
        device.request("config", {"set": [1]})
    assert device.request("config") == before


@pytest.mark.rung("stage")
def test_a_measured_threshold_binds_at_80_percent(device: Device) -> None:
    device.request("config", {"set": {"threshold_ua": 250}})
    with pytest.raises(RefusedError, match=r"rule personal .* permits 200"):
        device.start(amplitude_ua=201)
    device.start(amplitude_ua=200)
    device.request("stop", {"now": True})


def test_no_flash_write_while_the_gate_conducts(bench: Bench) -> None:
    bench.start(duration_ms=60_000)
    bench.pico.run_for_ms(600)
    assert bench.pico.gate == 1
    before = bench.pico.flash_bytes()
    for command in ("config", "config_reset"):
        with pytest.raises(RefusedError, match=r"not possible in state RAMP_UP|not possible in state ACTIVE"):
            bench.request(command, {"set": {"lease_ms": 777}} if command == "config" else {})
    assert bench.pico.flash_bytes() == before
    bench.request("stop", {"now": True})


@pytest.mark.parametrize("slots", [("/settings_a",), ("/settings_a", "/settings_b")])
def test_power_cut_within_any_flash_command_leaves_the_old_or_the_new(
    boot: Callable[..., Bench], slots: tuple[str, ...]
) -> None:
    """And no damaged slot, whether the slot that is written exists or not."""
    bench = boot()
    old = settings.defaults() | {"lease_ms": 1111}
    bench.pico.install_files({name: settings.encode_slot(index + 1, old) for index, name in enumerate(slots)})
    bench.client.hello()
    shutter = Shutter(bench.pico)
    bench.request("config", {"set": {"lease_ms": 2222}})
    seen = []
    for state in shutter.states:
        held = files.read_files(bytes(files.FILESYSTEM_OFFSET) + state)
        found = [settings.decode_slot(held[name]) for name in storage.PATHS if name in held]
        seen.append(max(found, key=lambda slot: slot[0])[1]["lease_ms"])
    assert seen == sorted(seen) and set(seen) <= {1111, 2222} and len(seen) > 5
    after = boot(flash=bench.pico.flash_bytes()[: files.FILESYSTEM_OFFSET] + shutter.states[len(seen) // 2])
    after.client.hello()
    assert after.request("faults")["code"] == faults.NONE


@pytest.mark.parametrize("damage", ["truncated", "newer", "garbage"])
def test_a_damaged_newest_slot_falls_back_and_says_so(boot: Callable[..., Bench], damage: str) -> None:
    good = settings.encode_slot(4, settings.defaults() | {"lease_ms": 1500})
    newest = settings.encode_slot(5, settings.defaults() | {"lease_ms": 1600})
    bad = {
        "truncated": newest[:-20],
        "newer": framing.encode({"schema": 99, "serial": 5, "values": {}}).encode(),
        "garbage": bytes(range(256)),
    }[damage]
    bench = boot()
    bench.pico.install_files({"/settings_a": good, "/settings_b": bad})
    bench.client.hello()
    assert bench.request("config")["set"]["lease_ms"] == 1500
    assert bench.request("faults")["code"] == faults.SETTINGS_CORRUPT
    bench.request("config", {"set": {"lease_ms": 1700}})
    bench.request("clear")
    bench.pico.reset("power")
    bench.client.reconnect()
    assert bench.request("config")["set"]["lease_ms"] == 1700
    assert bench.request("faults")["code"] == faults.NONE


def test_both_slots_lost_means_defaults_and_a_fault(boot: Callable[..., Bench]) -> None:
    bench = boot()
    bench.pico.install_files({"/settings_a": b"x", "/settings_b": b""})
    bench.client.hello()
    assert bench.request("config")["set"] == settings.defaults()
    assert bench.request("faults")["code"] == faults.SETTINGS_CORRUPT
