"""From what the user named as a meter to one that can be read."""

from collections.abc import Callable

from ..errors import BadValueError
from .meters import OPENERS, SIM, TYPED, Meter, ScpiMeter, SimMeter, TypedMeter


def opened(
    address: str,
    measures: str,
    ohm: int,
    channel: int,
    *,
    ask: Callable[[str], str],
    sim: Callable[..., dict] | None,
    query: str | None = None,
) -> Meter:
    """address: "typed", "sim", or a VISA address. ask: puts a question to a person. sim: asks a virtual Pico's socket.

    Raises BadValueError, PortError.
    """
    scheme = address.partition(":")[0]
    if scheme in OPENERS:
        return OPENERS[scheme](address, measures, float(ohm), channel)
    if address == TYPED:
        return TypedMeter(ask, measures, float(ohm))
    if address != SIM:
        return ScpiMeter(address, measures, float(ohm), query)
    if sim is None:
        raise BadValueError(
            "--meter sim is the meter of a virtual Pico, and the board is none; nothing was sent; type the readings "
            "(--meter typed), or name a SCPI meter: --meter TCPIP::HOST::5025::SOCKET"
        )
    return SimMeter(sim, measures, float(ohm), channel)
