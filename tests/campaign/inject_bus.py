"""Faults of the DAC and its bus."""

from .case import Case


def dac_absent(case: Case) -> None:
    """The DAC answers nothing."""
    case.struck.dac.absent = True


def dac_stuck(case: Case) -> None:
    """The DAC acknowledges everything and keeps its output."""
    case.struck.dac.stuck = True


def dac_deaf(case: Case) -> None:
    """The same, at a harmless code: it shows only when it is read back."""
    case.struck.dac.stuck = True


def dac_eeprom(case: Case) -> None:
    """The EEPROM holds 0 V, which is full negative current, and the power fails."""
    case.struck.dac.eeprom_code = 0
    case.power_cycle()


def sda_held(case: Case) -> None:
    """Something holds SDA low."""
    case.struck.hold_sda = True
