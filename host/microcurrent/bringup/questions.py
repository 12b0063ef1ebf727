"""What only a person with a meter can tell: where to measure, what it should be, and what a wrong reading likely means.

Values are those of boards/output_stage and boards/*/board.py; ranges ours: tolerances of the parts and of a hand meter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from .result import Result

Ask = Callable[[str], str | None]  # a question to what was typed; None: nobody can be asked


@dataclass(frozen=True)
class Measurement:
    """A number that is typed. low, high: what is right. mistakes: (below this, what it likely is), smallest first; the
    last one, with None, for all that is higher.
    """

    key: str
    where: str
    unit: str
    low: float
    high: float
    mistakes: tuple[tuple[float | None, str], ...]

    def judge(self, typed: str | None) -> Result:
        """The result of what was typed; not a number is a wrong reading too."""
        expected = f"{self.low:g} to {self.high:g} {self.unit}"
        if typed is None:
            return Result(self.key, self.where, None, "not asked", expected)
        value = _number(typed)
        if value is None:
            return Result(
                self.key, self.where, False, typed.strip()[:20], expected, "type a number, such as 1.65 or 12k"
            )
        reading = f"{value:g} {self.unit}"
        if self.low <= value <= self.high:
            return Result(self.key, self.where, True, reading, expected)
        mistake = next(text for below, text in self.mistakes if below is None or value < below)
        return Result(self.key, self.where, False, reading, expected, mistake)


@dataclass(frozen=True)
class Question:
    """Yes or no. mistake: what a no likely means."""

    key: str
    where: str
    mistake: str

    def judge(self, typed: str | None) -> Result:
        if typed is None:
            return Result(self.key, self.where, None, "not asked", "yes")
        yes = typed.strip().lower() in ("y", "yes")
        return Result(self.key, self.where, yes, "yes" if yes else "no", "yes", "" if yes else self.mistake)


Person = Measurement | Question


def _number(typed: str) -> float | None:
    """A number with k or M behind it, or a word for what a meter shows when nothing is connected."""
    text = typed.strip().replace(",", ".").removesuffix("ohm").removesuffix("V").strip()
    if text.lower() in ("ol", "open", "inf", "overload"):
        return 1e9
    scale = {"k": 1e3, "M": 1e6}.get(text[-1:], 1.0)
    try:
        return float(text[:-1] if scale != 1.0 else text) * scale
    except ValueError:
        return None


def without_power(board: ModuleType) -> list[Person]:
    """With an ohmmeter, before the first power-up: no supply, no USB, nothing at the electrodes."""
    pin = f"GPIO{board.GATE_PIN}"
    return [
        Measurement(
            "gate pull-down", f"ohmmeter from {pin} (GATE_PIN) to GND", "ohm", 8000, 12000,
            ((1000, f"{pin} is bridged to GND: the gate would never close"),
             (8000, "another resistor stands there, or two in parallel"),
             (None, "the 10 k pull-down is missing or open: the gate could close while the MCU resets")),
        ),
        Measurement(
            "electrodes", "ohmmeter between the electrode terminals", "ohm", 100e3, 1e9,
            ((100, "the terminals are bridged"),
             (6000, "the change-over is wired the wrong way: without power the dummy load (4.7 k) is connected"),
             (None, "something conducts that should be open without power: check the gate switch and the relay")),
        ),
        Measurement(
            "3.3 V", "ohmmeter from 3V3 to GND", "ohm", 200, 1e9,
            ((20, "3V3 is shorted to GND: look for a bridge at the DAC and the sense amplifier"),
             (None, "a part is turned round or damaged: disconnect them one by one")),
        ),
        Measurement(
            "positive rail", "ohmmeter from +12 V to GND", "ohm", 1000, 1e9,
            ((20, "+12 V is shorted to GND"), (None, "an op-amp or a switch stands the wrong way round")),
        ),
        Measurement(
            "negative rail", "ohmmeter from -12 V to GND", "ohm", 1000, 1e9,
            ((20, "-12 V is shorted to GND"), (None, "an op-amp or a switch stands the wrong way round")),
        ),
    ]  # fmt: skip


def with_power(board: ModuleType) -> list[Person]:
    """With a voltmeter, powered, nothing at the electrodes."""
    low, high = board.SUPPLY_MIN_MV / 1000, board.SUPPLY_MAX_MV / 1000
    half = board.ADC_REFERENCE_MV / 2000
    return [
        Measurement(
            "+12 V", "voltmeter from +12 V to GND", "V", low, high,
            ((1, "no supply reaches the stage: check converter, fuse and battery"),
             (low, "the supply is overloaded or nearly empty"),
             (None, "the converter runs without load, or is one of 15 V: constants of board.py would not fit")),
        ),
        Measurement(
            "-12 V", "voltmeter from -12 V to GND", "V", -high, -low,
            ((-high, "the converter runs without load, or is one of 15 V"),
             (-1, "the negative supply is overloaded or nearly empty; nothing on the board measures it"),
             (1, "no negative supply: the converter's common is not connected to GND"),
             (None, "it is positive: the converter's outputs are swapped")),
        ),
        Measurement(
            "3.3 V", "voltmeter from 3V3 to GND", "V", 3.2, 3.4,
            ((1, "the board has no supply"), (None, "the regulator is overloaded, or 3V3 is fed from elsewhere")),
        ),
        Measurement(
            "DAC at rest", "voltmeter at the DAC's VOUT to GND", "V", half - 0.03, half + 0.03,
            ((0.1, "the DAC is powered down or holds code 0, full negative current: run microcurrent commission"),
             (half - 0.03, "the DAC's VDD is not the 3V3 of the board, or its output is loaded"),
             (3.0, "the DAC's VDD is not the 3V3 of the board"),
             (None, "the DAC holds its highest code: run microcurrent commission")),
        ),
        Measurement(
            "mid rail", "voltmeter at the stage's mid rail to GND", "V", half - 0.02, half + 0.02,
            ((0.1, "the mid rail is bridged to GND, or its upper resistor is open"),
             (3.0, "the divider's resistors are not equal"),
             (None, "the divider's lower resistor is open")),
        ),
    ]  # fmt: skip


def at_the_end() -> list[Person]:
    """What is seen and heard."""
    return [
        Question("LED", "does the board's LED light while current flows, and only then?",
                 "LED_PIN of board.py is another pin, or the gate's state is not what the board believes"),
        Question("buzzer", "does the buzzer sound when a programme begins a step?",
                 "the buzzer is a passive one, turned round, or the setting buzzer is no"),
    ]  # fmt: skip
