"""Wiring tables and pin diagrams are what board.py says, pin by pin."""

import re
from xml.etree import ElementTree

import pytest

from boards import wiring
from boards.output_stage import circuit
from microcurrent.output_stage import board_pages as pages


@pytest.mark.parametrize("name", pages.BOARDS)
def test_tables_and_pictures_are_up_to_date(name: str) -> None:
    folder = pages.ROOT / name
    assert (folder / "README.md").read_text() == pages.page(name), "write them anew with: make boards"
    assert (folder / pages.PICTURE).read_text() == pages.picture(name), "write them anew with: make boards"


@pytest.mark.parametrize("name", pages.BOARDS)
def test_a_moved_pin_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    board = __import__(f"boards.{name}.board", fromlist=["board"])
    free = {"rp2040_pico": 12, "rp2040_pico_dual": 12, "esp32_devkit": 4}[name]
    monkeypatch.setattr(board, "BUZZER_PIN", free)
    assert (pages.ROOT / name / "README.md").read_text() != pages.page(name)
    assert (pages.ROOT / name / pages.PICTURE).read_text() != pages.picture(name)


def test_a_pin_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from boards.rp2040_pico import board

    monkeypatch.setattr(board, "BUZZER_PIN", 40)
    with pytest.raises(pages.WiringError, match="Raspberry Pi Pico has no pin GP40; nothing was written"):
        pages.page("rp2040_pico")


@pytest.mark.parametrize("name", pages.BOARDS)
def test_the_picture_shows_every_constant_once_beside_its_pin(name: str) -> None:
    root = ElementTree.fromstring(pages.picture(name))
    shown = " ".join(element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text"))
    for constant in pages.constants(name):
        assert len(re.findall(rf"(?<![\w.]){re.escape(constant)}(?![\w\[])", shown)) == 1, constant


@pytest.mark.parametrize("name", pages.BOARDS)
def test_headers_have_each_pin_once(name: str) -> None:
    pins = pages.pins_of(name)
    numbered = [label for label in (*pins.LEFT, *pins.RIGHT, *pins.INSIDE) if label.startswith(pins.PREFIX)]
    assert len(numbered) == len(set(numbered))
    assert len(pins.LEFT) == len(pins.LEFT_NUMBERS) and len(pins.RIGHT) == len(pins.RIGHT_NUMBERS)
    counts = {"rp2040_pico": 40, "rp2040_pico_dual": 40, "esp32_devkit": 38}
    assert len(pins.LEFT) + len(pins.RIGHT) == counts[name]


def test_the_stage_has_the_nets_that_the_pins_go_to() -> None:
    nets = {key: net for key, (_to, net, _note) in wiring.PINS.items() if net}
    assert nets == circuit.PINS
    assert set(nets.values()) <= {net for part in circuit.PARTS.values() for net in part["pins"].values()}
