"""Waveforms that are played from a table: how their points are told, and those that are computed.

A table holds one period as array('H'): OFFSET stands for zero, UNIT above it for the full amplitude. Between two points
the engine goes on straight lines, so the first one stands at the end once more.
"""

from array import array

from . import waveform

UNIT = 16384  # a table value of UNIT means the full amplitude
OFFSET = 32768  # what a table's entries are above their value
TABLE_BITS = 8  # of the shapes that are computed

# A quarter of a sine: round(16384 * sin(pi/2 * k/64)), k = 0..64. Lines between such points stay within 0.01 %.
_QUARTER_SINE = (
    0, 402, 804, 1205, 1606, 2006, 2404, 2801, 3196, 3590, 3981, 4370, 4756, 5139, 5520, 5897,
    6270, 6639, 7005, 7366, 7723, 8076, 8423, 8765, 9102, 9434, 9760, 10080, 10394, 10702, 11003, 11297,
    11585, 11866, 12140, 12406, 12665, 12916, 13160, 13395, 13623, 13842, 14053, 14256, 14449, 14635, 14811, 14978,
    15137, 15286, 15426, 15557, 15679, 15791, 15893, 15986, 16069, 16143, 16207, 16261, 16305, 16340, 16364, 16379,
    16384,
)  # fmt: skip
BITS = (8, 10)  # an uploaded table has 256 points or 1024
PART_POINTS = 64  # ours: as many fit into a line of the link


def table(shape, unipolar):
    """One period of a shape as array('H') of 2**TABLE_BITS + 1 values: OFFSET less UNIT to OFFSET plus UNIT.

    It starts at zero, its net is zero, and the last value is the first one, for the line that leads there. Unipolar:
    the negative half is replaced by zero. A square has none.
    """
    if shape == waveform.SQUARE:
        return array("H", (OFFSET, OFFSET))
    half = _half(shape)
    values = array("H", (OFFSET + value for value in half))
    values.append(OFFSET)
    values.extend(array("H", (OFFSET if unipolar else OFFSET - value for value in reversed(half[1:]))))
    values.append(OFFSET)
    return values


def _half(shape):
    """The first half of a period, from zero on; the second one is its mirror image."""
    length = 1 << TABLE_BITS - 1
    if shape == waveform.SINE:
        return list(_QUARTER_SINE[:-1]) + list(reversed(_QUARTER_SINE))[:-1]
    if shape == waveform.SAWTOOTH:
        return [UNIT * index // (length - 1) for index in range(length)]
    return [min(UNIT, UNIT * min(index, length - index) * 8 // length) for index in range(length)]
