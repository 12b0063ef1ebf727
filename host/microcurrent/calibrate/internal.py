"""The part of a calibration that the board measures by itself: codes into its dummy load, and what its ADC shows.

It finds the zero of output and sense, the ADC's steps (RP2040-E11), and the output's gain as this sense sees it. How
right the sense's own gain is, only something outside of the board can tell (fit.py).
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

from firmware.shared import protocol, units

Rows = list[list[int]]
READINGS = 4  # of 16 each, in a row of "measure"
CODES = 48  # ours: three requests; the mean error of a count that is cut off becomes less than a tenth
SPAN = 1400  # codes from the middle, 684 uA: both steps of the ADC that can be reached lie at 275 uA
WIDE_CODES = (512, 1536, 2560, 3584)  # RP2040-E11
STEP_MAX = 12.0  # ours; 8.9 measured by M. Omori, pico-adc.markomo.me
NARROW_CODES = units.ADC_STEPS - len(WIDE_CODES)
STEPPED_PORTS = ("rp2",)  # whose ADC has the steps


class Requester(Protocol):
    """What asks the board."""

    def request(self, command: str, args: dict | None = None, timeout_s: float | None = None) -> dict:
        """The data of the reply."""
        ...


@dataclass(frozen=True)
class Internal:
    """In ADC counts: sense without current (from mid supply), what flows at the middle code, counts per code, what a
    wide code hides; and how far the readings lie from all that, root mean square and worst.
    """

    zero: float
    offset: float
    slope: float
    step: float
    residual: float
    worst: float


def codes(zero_code: int) -> list[int]:
    """The codes to drive, spread over the range, none twice."""
    return [zero_code + round(-SPAN + 2 * SPAN * index / (CODES - 1)) for index in range(CODES)]


def measured(client: Requester, channel: int, zero_code: int) -> tuple[Rows, int]:
    """(rows, temperature in C) of all codes. channel: 1 or 2. Raises RefusedError, PortError."""
    rows: Rows = []
    wanted = codes(zero_code)
    temperature_c = 0
    for first in range(0, len(wanted), protocol.MEASURE_CODES):
        part = wanted[first : first + protocol.MEASURE_CODES]
        reply = client.request("measure", {"channel": channel, "codes": part})
        rows += reply["rows"] if not rows else reply["rows"][1:]
        temperature_c = reply["temperature_c"]
    return rows, temperature_c


def fitted(rows: Rows, board: ModuleType) -> Internal:
    """Least squares over all rows but those next to a step. rows: of "measure", the first with the gate open."""
    import numpy as np

    opened = rows[0][1] / READINGS
    code = np.array([row[0] for row in rows[1:]], float) - board.ZERO_CODE
    shown = np.array([row[1] for row in rows[1:]], float) / READINGS
    clear = np.all([np.abs(shown - wide) > 1.5 for wide in WIDE_CODES], axis=0)
    stepped = np.floor((shown + 511) / 1024) - 2
    columns = [np.ones_like(code), code]
    if board.PORT in STEPPED_PORTS:
        columns.append(-stepped)
    matrix = np.stack(columns, axis=1)
    found = np.linalg.lstsq(matrix[clear], shown[clear], rcond=None)[0]
    step = float(found[2]) if len(found) > 2 else 0.0
    left = shown[clear] - matrix[clear] @ found
    return Internal(
        zero=opened - units.ADC_STEPS / 2,
        offset=float(found[0]) - opened,
        slope=float(found[1]),
        step=max(step, 0.0),
        residual=float(np.sqrt(np.mean(left**2))),
        worst=float(np.abs(left).max()),
    )


def constants_of(found: Internal, board: ModuleType, sense_gain: float | None = None) -> dict[str, int]:
    """Constants of one channel. sense_gain: counts per uA over the design's, where it is known from outside.

    Without it the sense counts as the design's, but for its steps: an ADC whose four wide codes hide counts has so many
    more counts per volt in between, for its ends do not move.
    """
    step = found.step
    if sense_gain is None:
        sense_gain = NARROW_CODES / (NARROW_CODES - len(WIDE_CODES) * step)
    counts_per_ua = units.ADC_STEPS * board.SENSE_UV_PER_UA / 1000 / board.ADC_REFERENCE_MV * sense_gain
    ua_per_code = board.FULL_SCALE_UA / (units.DAC_STEPS / 2)
    return {
        "offset_na": round(found.offset / counts_per_ua * 1000),
        "gain_ppm": round((found.slope / counts_per_ua / ua_per_code - 1) * 1e6),
        "sense_zero": round(found.zero * 256),
        "sense_gain_ppm": round((sense_gain - 1) * 1e6),
        "step": round(step * 256),
    }
