"""What tells the true current: a bench meter over SCPI, a virtual Pico's, or a person who types.

In series it reads current; across a known resistor it reads voltage.
"""

import math
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from ..errors import BadValueError, PortError, RecordError, VerifyError

CURRENT, VOLTAGE = "current", "voltage"
KINDS = (CURRENT, VOLTAGE)
TYPED, SIM = "typed", "sim"
SCPI_QUERIES = {CURRENT: "MEAS:CURR:DC?", VOLTAGE: "MEAS:VOLT:DC?"}  # SCPI-99, 7.2: the same for every meter
SCPI_TIMEOUT_MS = 1500  # ours: the board's lease lasts 2 s
OVERLOAD = 9e36  # SCPI-99 7.2.1: 9.9e37 stands for a reading that is out of range
READING_MAX_UA = 1500.0  # ours: more than any stage here can drive


class Meter(Protocol):
    """name: for the record. live: it is read while current flows; else afterwards, from who watched it."""

    name: str
    live: bool
    phase_ms: int  # how long a phase has to last for a reading

    def read_ua(self, asked_ua: int) -> float:
        """The true current while, or after, `asked_ua` was asked for. Raises PortError, VerifyError, BadValueError."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def true_ua(value: float, measures: str, ohm: float) -> float:
    """Current of a reading in ampere or volt. Raises VerifyError for what no stage here can drive."""
    if not math.isfinite(value) or abs(value) > OVERLOAD:
        raise VerifyError(
            "the meter shows an overload; nothing was stored; choose a range that shows 1 mA, or 10 V, and begin again"
        )
    ua = value * 1e6 if measures == CURRENT else value / ohm * 1e6
    if abs(ua) > READING_MAX_UA:
        raise VerifyError(
            f"the meter shows {ua:.0f} uA, more than {READING_MAX_UA:.0f} uA can flow from no output here; nothing was "
            f"stored; check what it measures (--measures {measures}) and the resistor's value"
        )
    return ua


class TypedMeter:
    """ask(question) gives what a person types: uA, or mV across the resistor."""

    live = False
    phase_ms = 5000  # ours: a meter's MIN/MAX hold settles in two of its readings, a person needs a little longer

    def __init__(self, ask: Callable[[str], str], measures: str, ohm: float) -> None:
        self._ask = ask
        self._measures, self._ohm = measures, ohm
        self.name = f"typed {measures}"

    def read_ua(self, asked_ua: int) -> float:
        unit, expected = ("uA", asked_ua) if self._measures == CURRENT else ("mV", asked_ua * self._ohm / 1000)
        typed = self._ask(
            f"meter in the {'positive' if asked_ua > 0 else 'negative'} phase, about {expected:.0f} {unit}"
        )
        try:
            value = float(typed.strip().removesuffix(unit).strip())
        except ValueError:
            raise BadValueError(
                f"{typed.strip()[:40]!r} is no reading; nothing was stored; type a number of {unit}, such as "
                f"{expected:.1f}"
            ) from None
        return true_ua(value / (1e6 if self._measures == CURRENT else 1e3), self._measures, self._ohm)

    def close(self) -> None:
        pass


def from_file(path: str) -> Callable[[str], str]:
    """From a file, one number per line in the order asked, # begins a comment. Raises RecordError."""
    try:
        lines = [line.partition("#")[0].strip() for line in Path(path).read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path} cannot be read ({error}); nothing was sent; name a text file of readings") from None
    left = [line for line in lines if line]

    def answer(question: str) -> str:
        if not left:
            raise BadValueError(
                f"{path} has no reading left for: {question}; nothing was stored; give one number per line"
            )
        return left.pop(0)

    return answer


class SimMeter:
    """The meter of a virtual Pico. ask: one request to its control socket."""

    live = True
    phase_ms = 1000
    name = "virtual bench meter"

    def __init__(self, ask: Callable[..., dict], measures: str, ohm: float, channel: int) -> None:
        self._ask, self._measures, self._ohm, self._channel = ask, measures, ohm, channel

    def read_ua(self, asked_ua: int) -> float:
        found = self._ask(do="meter", channel=self._channel)
        value = found["ua"] / 1e6 if self._measures == CURRENT else found["mv"] / 1e3
        return true_ua(value, self._measures, self._ohm)

    def close(self) -> None:
        pass


class ScpiMeter:
    """A bench meter by its VISA address, such as TCPIP::192.168.1.5::5025::SOCKET or USB0::...::INSTR."""

    live = True
    phase_ms = 2000  # ours: settling, and a reading of up to a second

    def __init__(self, address: str, measures: str, ohm: float, query: str | None = None) -> None:
        self._measures, self._ohm = measures, ohm
        self._address = address
        self._query = query or SCPI_QUERIES[measures]
        visa = _visa()
        self._errors = (visa.Error, OSError, ValueError)
        try:
            self._manager = visa.ResourceManager("@py")
            # What it is depends on the address: each of them takes lines.
            self._meter: Any = self._manager.open_resource(address, timeout=SCPI_TIMEOUT_MS)
            self._meter.read_termination = self._meter.write_termination = "\n"
            self.name = self._asked("*IDN?").strip()
        except self._errors as error:
            raise self._lost(error) from None

    def read_ua(self, asked_ua: int) -> float:
        try:
            return true_ua(float(self._asked(self._query)), self._measures, self._ohm)
        except self._errors as error:
            raise self._lost(error) from None

    def close(self) -> None:
        self._meter.close()
        self._manager.close()

    def _asked(self, text: str) -> str:
        return self._meter.query(text)

    def _lost(self, error: Exception) -> PortError:
        return PortError(
            f"the meter at {self._address} does not answer as a SCPI meter does ({error}); nothing was stored; check "
            f"its address, and that it is set to SCPI and to no menu"
        )


def _visa():
    try:
        if find_spec("pyvisa_py") is None:
            raise ImportError
        import pyvisa
    except ImportError:
        raise BadValueError(
            "a SCPI meter needs pyvisa-py, which is not installed; nothing was sent; run: pip install "
            "'microcurrent[meter]', or type the readings: --meter typed"
        ) from None
    return pyvisa


Opener = Callable[[str, str, float, int], Meter]  # (address, measures, ohm, channel)
OPENERS: dict[
    str, Opener
] = {}  # by what the address begins with, up to a colon; tests put boards at emulated time here
