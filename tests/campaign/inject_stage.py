"""Faults of the output stage, of the electrodes and of the supply."""

from microcurrent.bench.skin import Load

from .case import Case
from .waves import MS

TOO_DRY = Load("too dry", 150_000)  # 10 V drive 65 uA through it: less than 90 % of any waveform of the campaign
BOUNCE_NS = 30 * MS
RAILS = {1: "up", -1: "down"}
FOLLOWING_UA = 15.0  # within what the sample interrupt tolerates, above the 10 uA of net DC


def pump_at_rail(case: Case) -> None:
    """The pump's op-amp sticks to the rail of the phase's sign, or to the other one: the passive limiter alone bounds
    the current.
    """
    if case.key.variant == "2k":
        case.struck.set_load("2k")
    case.struck.fail(pump_rail=RAILS[-case.side if case.key.variant == "against" else case.side])


def limiter_and_pump(case: Case) -> None:
    """The same with the limiter's diode shorted: nothing but compliance and comparator is left."""
    if case.key.variant == "2k":
        case.struck.set_load("2k")
    rail = RAILS[case.side]
    case.struck.fail(pump_rail=rail, limiter_shorted=rail)


def gate_stuck(case: Case) -> None:
    """The switch conducts for ever."""
    case.struck.fail(gate_stuck=True)


def sense_dead(case: Case) -> None:
    """The sense amplifier shows zero current, whatever flows."""
    case.struck.fail(sense_stuck_mv=case.pico.board.ADC_REFERENCE_MV / 2)


def skin_dries(case: Case) -> None:
    """The skin needs more voltage than the stage has."""
    case.struck.set_load(TOO_DRY)


def lift_off(case: Case) -> None:
    """An electrode is lifted; in the variant "bounce" it touches the skin again."""
    struck, touches_ns = case.struck, case.pico.now_ns + BOUNCE_NS
    struck.set_load("open")
    if case.key.variant == "bounce":
        case.notes["contact_ns"] = touches_ns
        case.pico.at(touches_ns, lambda: struck.set_load("typical"))


def electrodes_touch(case: Case) -> None:
    """The electrodes touch."""
    case.struck.set_load("short")


def offset_drifts(case: Case) -> None:
    """An offset of the pump too small for the window, too large for net zero."""
    case.struck.fail(offset_ua=case.side * FOLLOWING_UA)


def supply_sags(case: Case) -> None:
    """The output stage's supply leaves its range."""
    case.pico.supply_mv = 14_000 if case.key.variant == "high" else 9000


def chip_warm(case: Case) -> None:
    """The chip is warmer than it may be."""
    case.pico.temperature_c = 75.0


def estop_open(case: Case) -> None:
    """The emergency stop opens, or its wire breaks."""
    pin = case.pico.board.ESTOP_PIN
    if case.key.variant == "wire":
        case.pico.release_pin(pin)
    else:
        case.pico.drive_pin(pin, 1)


def usb_plugged(case: Case) -> None:
    """A cable supplies the board."""
    case.pico.drive_pin(case.pico.board.VBUS_PIN, 1)


def host_silent(case: Case) -> None:
    """The host says nothing any more."""
    case.host.renews = False
