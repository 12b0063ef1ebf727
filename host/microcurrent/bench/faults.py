"""What can be wrong with the output stage, to be injected at an exact instant with Stage.fail.

stage.fail(t_ns, pump_rail="up") breaks something, stage.fail(t_ns, pump_rail="") mends it; several at once are double
faults. Every change is a step: what a part does on its way to failing is not modelled.
"""

from dataclasses import dataclass, fields, replace
from math import inf, isfinite

from ..errors import BadValueError

Value = bool | float | str | None
# up: positive current
SIDES = {
    "pump_rail": ("", "up", "down"),
    "limiter_shorted": ("", "up", "down", "both"),
    "comparator_dead_side": ("", "up", "down"),
}


@dataclass(frozen=True)
class StageFaults:
    """The stage's present faults; as made, none.

    The comparators see the sense amplifier's output, faults and all: one that is stuck within the window blinds them.
    """

    pump_rail: str = ""  # the pump's output is at that rail, whatever the DAC says
    offset_ua: float = 0.0  # added to the pump's current
    gain: float = 1.0  # factor on the pump's current
    limiter_shorted: str = ""  # no limit but the compliance in that direction
    gate_stuck: bool = False  # the switch conducts, whatever pin and latch say
    comparator_dead: bool = False  # both never trip
    comparator_dead_side: str = ""  # the comparator for that direction never trips, the other one does
    sense_stuck_mv: float | None = None  # output of the sense amplifier
    sense_gain: float = 1.0  # factor on what the sense amplifier shows
    sense_offset_mv: float = 0.0  # added to its output
    divider_stuck_mv: float | None = None  # output of the voltage divider

    def changed(self, **changes: Value) -> "StageFaults":
        """These faults with some changed. Raises BadValueError for an unknown name or a value that it cannot have."""
        for name, value in changes.items():
            if name not in NAMES:
                raise _refused(f"there is no fault {name!r} of the stage", f"choose from: {', '.join(NAMES)}")
            _check(name, value)
        return replace(self, **changes)

    def present(self) -> dict[str, Value]:
        """{name: value} of what is not as it should be."""
        return {name: getattr(self, name) for name in NAMES if getattr(self, name) != getattr(SOUND, name)}

    @property
    def watching(self) -> tuple[int, ...]:
        """Signs of the current that a comparator looks at."""
        if self.comparator_dead:
            return ()
        return tuple(sign for side, sign in (("up", 1), ("down", -1)) if side != self.comparator_dead_side)

    def limits_ua(self, limiter_ua: float) -> tuple[float, float]:
        """(most negative, most positive) current that the passive limiter lets pass."""
        down, up = (self.limiter_shorted in (side, "both") for side in ("down", "up"))
        return -inf if down else -limiter_ua, inf if up else limiter_ua


NAMES = tuple(field.name for field in fields(StageFaults))
SOUND = StageFaults()


def _check(name: str, value: Value) -> None:
    if name in SIDES:
        if value not in SIDES[name]:
            raise _refused(f"{name} cannot be {value!r}", f"give one of: {', '.join(map(repr, SIDES[name]))}")
        return
    if isinstance(getattr(SOUND, name), bool):
        if not isinstance(value, bool):
            raise _refused(f"{name} cannot be {value!r}", "give true or false")
        return
    if value is None and getattr(SOUND, name) is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise _refused(f"{name} cannot be {value!r}", "give a finite number")


def _refused(what: str, remedy: str) -> BadValueError:
    return BadValueError(f"{what}; nothing was changed; {remedy}")
