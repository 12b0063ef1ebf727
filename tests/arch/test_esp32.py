"""The ESP32's files compile for its processor, offer what the RP2040's do, and are wired to pins that may be driven."""

import ast
from pathlib import Path

import pytest

from boards.esp32_devkit import board
from firmware.core import commands
from microcurrent.build import build_firmware

HW = Path(__file__).parents[2] / "firmware" / "hw"
# ESP32 data sheet, section "strapping pins": sampled at reset. 12 high selects 1.8 V for the flash: no boot at all.
STRAPPING = {0, 2, 5, 12, 15}
# ESP32-WROOM-32 data sheet, pin definitions: wired to the module's own flash. 16 and 17 are free without PSRAM.
FLASH = {6, 7, 8, 9, 10, 11}
INPUT_ONLY = {34, 35, 36, 37, 38, 39}  # the same, GPI: no driver, no pulls
LINK = {1, 3}  # UART0: the boot loader's messages come out of GPIO1 at every reset
# JTAG pins beside 12 and 15: 14 has a pull-up at reset and was seen high there (electronics.stackexchange 636980).
SEEN_HIGH = {14}
ADC1 = {32, 33, 34, 35, 36, 37, 38, 39}  # ADC2 cannot be read while Wi-Fi runs (ESP-IDF, ADC oneshot driver)
OUTPUTS = ("GATE_PIN", "DUMMY_PIN", "TRIP_TEST_PIN", "LED_PIN", "CUE_LED_PIN", "BUZZER_PIN", "SDA_PIN", "SCL_PIN")
PULLED_UP = ("ESTOP_PIN", "BUTTON_PIN")
ANALOG = ("SENSE_PIN", "VOLTAGE_PIN", "SUPPLY_PIN")
OTHER = ("TRIPPED_PIN", "VBUS_PIN")


@pytest.mark.parametrize(
    ("board", "port", "other"), [("rp2040_pico", "rp2", "esp32"), ("esp32_devkit", "esp32", "rp2")]
)
def test_every_module_compiles_for_the_board(board: str, port: str, other: str) -> None:
    files = build_firmware(board).files
    assert f"/lib/firmware/hw/engine_{port}.mpy" in files and f"/lib/firmware/hw/engine_{other}.mpy" not in files
    assert {"/boot.py", "/main.py", "/lib/board.mpy", "/lib/manifest.json", "/lib/adafruit_mcp4725.mpy"} <= set(files)
    assert all(data[:1] == b"M" for path, data in files.items() if path.endswith(".mpy"))


def test_no_module_for_the_esp32_holds_machine_code() -> None:
    """Viper code of the RP2040 writes its registers by address: none of it may get onto an ESP32.

    The third byte of an .mpy names the processor of its machine code, 0 for none (py/persistentcode.h).
    """
    files = build_firmware("esp32_devkit").files
    assert {data[2] >> 2 for path, data in files.items() if path.endswith(".mpy")} == {0}
    assert build_firmware("rp2040_pico").files["/lib/firmware/hw/interrupt.mpy"][2] >> 2


def pins() -> dict[str, int]:
    return {name: value for name, value in vars(board).items() if name.endswith("_PIN")}


def test_every_pin_is_of_a_known_kind() -> None:
    assert set(pins()) == {*OUTPUTS, *PULLED_UP, *ANALOG, *OTHER}


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_output_is_on_a_pin_that_boot_moves_or_that_cannot_be_driven(name: str) -> None:
    assert pins()[name] not in STRAPPING | FLASH | INPUT_ONLY | LINK | SEEN_HIGH


@pytest.mark.parametrize("name", [*PULLED_UP, *OTHER, *ANALOG])
def test_no_input_disturbs_boot(name: str) -> None:
    """A closed contact on a strapping pin would keep the chip in its boot loader."""
    assert pins()[name] not in STRAPPING | FLASH | LINK


@pytest.mark.parametrize("name", PULLED_UP)
def test_inputs_that_need_the_internal_pull_up_have_one(name: str) -> None:
    assert pins()[name] not in INPUT_ONLY


@pytest.mark.parametrize("name", ANALOG)
def test_analog_inputs_are_on_the_converter_that_wifi_leaves_alone(name: str) -> None:
    assert pins()[name] in ADC1


def public(module: str, class_name: str | None = None) -> dict[str, int]:
    """{name: number of parameters} of a module's functions, or of a class's methods and properties."""
    body = ast.parse((HW / f"{module}.py").read_text()).body
    if class_name:
        body = next(node.body for node in body if isinstance(node, ast.ClassDef) and node.name == class_name)
    return {
        node.name: len(node.args.args)
        for node in body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def test_both_engines_offer_the_same() -> None:
    """The contract between core/ and an engine: every method and property, with as many parameters."""
    found = public("engine_esp32", "Engine")
    assert found | {"channels": 1} == public("engine_rp2", "Engine")
    engine = (HW / "engine_esp32.py").read_text()
    assert "channels = 1" in engine and "broken_channel = 0" in engine and "self.armed = False" in engine


def test_both_restarts_offer_the_same() -> None:
    found = public("restart_esp32")
    del found["keep_state"]  # the RP2040's engine writes it into a register
    assert found == public("restart_rp2")


def test_no_other_port_s_modules_are_imported() -> None:
    """Nothing of hw/*_rp2.py, and no rp2 module, in what the ESP32 runs; what it imports of the port is known."""
    for path in HW.glob("*.py"):
        if path.stem.endswith("_rp2"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [item.name for item in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            module = getattr(node, "module", None) or ""
            assert not [name for name in [*names, module] if name == "rp2" or name.endswith("_rp2")], path


def test_what_the_board_cannot_is_told_by_its_capabilities() -> None:
    """One output, no pulses below a sample, and the rate: each with the constant by which core/ refuses, or shows."""
    assert (board.SECOND, board.PULSE_US, board.PAIR_US) == (None, 0, 0)
    assert board.PERIODS_US[-1] >= 1000 and all(period_us % 1000 == 0 for period_us in board.PERIODS_US)
    assert {"arm", "felt", "change", "pause", "programme", "lease"} <= set(commands.HANDLERS)
