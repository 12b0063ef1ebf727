"""Putting a known resistor between the electrodes: a person does it, or a virtual Pico's control socket."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..bench.skin import PRESETS
from ..errors import BadValueError

if TYPE_CHECKING:
    from ..connect import Place

OHM_OF = {load.series_ohm: name for name, load in PRESETS.items() if not load.scales and load.capacity_nf == 0}


def control_ask(place: "Place") -> Callable[..., dict] | None:
    """How to ask the virtual Pico behind a port; None for a real board."""
    from ..bench.places import control_of
    from ..bench.process import ask
    from ..errors import NoBoardError

    if place.sim is not None:
        return place.sim.ask
    try:
        control = str(control_of(place.port))
    except NoBoardError:
        return None
    return lambda **request: ask(control, **request)


def put(ask: Callable[..., dict], ohm: int, channel: int) -> None:
    """A resistor on a virtual Pico's electrodes. Raises BadValueError for one that it does not have."""
    name = OHM_OF.get(float(ohm))
    if name is None:
        known = ", ".join(sorted((known for known in OHM_OF.values() if known != "short"), key=_ohm))
        raise BadValueError(f"a virtual Pico has no resistor of {ohm} ohm; nothing was changed; choose one of: {known}")
    ask(do="load", name=name, channel=channel)


def _ohm(name: str) -> float:
    return PRESETS[name].series_ohm
