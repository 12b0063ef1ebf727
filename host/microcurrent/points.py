"""A waveform of one's own: points of one period from a CSV file, made ready for the board."""

import binascii
import csv
import math
from array import array
from itertools import pairwise
from pathlib import Path

from firmware.shared import shapes

from .client import DeviceClient
from .errors import BadValueError

POINTS = "points"  # where a recorded waveform keeps its table
MAX_POINTS = 1024
_SIZES = tuple(1 << bits for bits in shapes.BITS)
BALANCE_SHARE = 0.005  # ours: net charge below 0.5 % of what flows is rounding, and is taken out; more is refused


def read(path: str) -> list[int]:
    """The board's points of a CSV file: one value per line, or time and value; a head line may stand above.

    The largest value becomes full amplitude; lines lead from one point to the next. Raises BadValueError.
    """
    values = _values(path)
    if len(values) > MAX_POINTS:
        raise _wrong(path, f"it has {len(values)} points; at most {MAX_POINTS} are taken", "leave some out")
    if len(values) < 4:
        raise _wrong(path, f"it has {len(values)} points; a period needs at least 4", "add some")
    peak = max(abs(value) for value in values)
    if peak == 0:
        raise _wrong(path, "all its points are 0", "give it a shape")
    return _balanced(path, [value / peak for value in _stretched(values)])


def crc_of(table: list[int]) -> int:
    """What the board computes of a table once it is whole."""
    return binascii.crc32(array("H", (shapes.OFFSET + value for value in table)).tobytes())


def upload(client: DeviceClient, table: list[int]) -> int:
    """Send a table to the board; its CRC there. Raises what the board refuses."""
    crc = 0
    for at in range(0, len(table), shapes.PART_POINTS):
        part = {"at": at, "points": len(table), "values": table[at : at + shapes.PART_POINTS]}
        crc = client.request("table", part)["crc"]
    return crc


def _values(path: str) -> list[float]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, f"it cannot be read ({error})", "name a CSV file") from None
    rows = [row for row in csv.reader(text.splitlines()) if row and not row[0].lstrip().startswith("#")]
    if rows and _number(rows[0][-1]) is None:
        rows = rows[1:]  # the head
    values = []
    for number, row in enumerate(rows, 1):
        value = _number(row[-1])
        if value is None:
            raise _wrong(path, f"point {number} is {row[-1][:20]!r}", "write one number per line, or time and number")
        values.append(value)
    return values


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _stretched(values: list[float]) -> list[float]:
    """As many points as the board takes, on the lines between the given ones."""
    size = next(size for size in _SIZES if len(values) <= size)
    around = [*values, values[0]]
    found = []
    for index in range(size):
        at, part = divmod(index * len(values), size)
        found.append(around[at] + (around[at + 1] - around[at]) * part / size)
    return found


def _balanced(path: str, shares: list[float]) -> list[int]:
    """Whole numbers whose largest is UNIT and whose sum is 0."""
    net, moved = sum(shares), sum(abs(share) for share in shares)
    if abs(net) > BALANCE_SHARE * moved:
        raise _wrong(
            path,
            f"its net charge is {100 * net / moved:.1f} % of what flows; at most {100 * BALANCE_SHARE:.1f} % is taken",
            "balance its two signs",
        )
    mean = net / len(shares)
    peak = max(abs(share - mean) for share in shares)
    table = [round((share - mean) / peak * shapes.UNIT) for share in shares]
    for index in _flattest(table)[: abs(sum(table))]:
        table[index] -= 1 if sum(table) > 0 else -1
    return table


def _flattest(table: list[int]) -> list[int]:
    """Indexes of points that a step of 1 changes least: neither zero nor the largest, the flattest first."""
    inner = [index for index, value in enumerate(table) if 0 < abs(value) < shapes.UNIT - 1]
    slope = [abs(after - before) for before, after in pairwise([table[-1], *table])]
    return sorted(inner, key=lambda index: slope[index])


def _wrong(path: str, what: str, remedy: str) -> BadValueError:
    return BadValueError(f"{path}: {what}; nothing was sent; {remedy}")
