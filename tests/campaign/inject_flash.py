"""Damage in flash. It counts from the next boot on, so the power fails at the same instant."""

from firmware.core import journal
from microcurrent.bench.files import install_files
from microcurrent.image import uf2
from tests import frozen

from . import variants
from .case import Case
from .plant import firmware_files


def settings_corrupt(case: Case) -> None:
    """A bit of the newest settings slot flips."""
    _flip(case, max(name for name in case.pico.read_files() if name.startswith("/settings_")))
    case.power_cycle()


def journal_altered(case: Case) -> None:
    """A bit in the middle of the journal flips."""
    files = case.pico.read_files()
    _flip(case, max((name for name in journal.NAMES if name in files), key=lambda name: len(files[name])))
    case.power_cycle()


def other_board(case: Case) -> None:
    """The firmware that was uploaded, or frozen, is for another board."""
    image, beside = frozen.code("rp2040_pico", firmware_files() | variants.other_board())
    if beside:
        install_files(case.pico.mcu.flash, beside)
    else:
        _begin, data = uf2.contents(image)
        case.pico.mcu.flash[: len(data)] = data
    case.power_cycle()


def module_altered(case: Case) -> None:
    """A bit of a module flips: one that boot does not need; of a production image, in its last page."""
    image, beside = frozen.code("rp2040_pico", firmware_files())
    if beside:
        _flip(case, "/lib/firmware/hw/commission.mpy")
    else:
        _begin, data = uf2.contents(image)
        case.pico.mcu.flash[len(data) - 1] ^= 1
    case.power_cycle()


def _flip(case: Case, name: str) -> None:
    contents = bytearray(case.pico.read_files()[name])
    contents[len(contents) // 2] ^= 1
    install_files(case.pico.mcu.flash, {name: bytes(contents)})
