"""Uploaded tables: in order, whole, balanced, with a largest point of full scale; anything else is refused."""

from firmware.core import points
from firmware.shared import shapes

UNIT, OFFSET = shapes.UNIT, shapes.OFFSET
SQUARE = [UNIT] * 128 + [-UNIT] * 128


def uploaded(values):
    made = points.Points()
    assert made.begin(len(values)) is None
    problem = None
    for at in range(0, len(values), shapes.PART_POINTS):
        problem = made.add(at, values[at : at + shapes.PART_POINTS])
    return made, problem


def test_a_whole_table():
    made, problem = uploaded(SQUARE)
    assert problem is None and made.bits == 8 and made.crc != 0
    assert list(made.table) == [OFFSET + value for value in SQUARE] + [OFFSET + UNIT]
    assert made.longest_permille == 501
    made, problem = uploaded([0, UNIT, 0, -UNIT] * 256)
    assert problem is None and made.bits == 10 and len(made.table) == 1025
    assert made.longest_permille == 2  # two points of 1024


def test_a_table_without_its_negative_half():
    made, _problem = uploaded(SQUARE)
    assert made.for_polarity("biphasic") is made.table
    assert list(made.for_polarity("positive")) == [OFFSET + UNIT] * 128 + [OFFSET] * 128 + [OFFSET + UNIT]


def test_the_longest_phase_may_go_over_the_end_of_the_period():
    made, _problem = uploaded(SQUARE[64:] + SQUARE[:64])
    assert made.longest_permille == 501
    made, problem = uploaded([UNIT] + [-64] * 254 + [-128])
    assert problem is None and made.longest_permille == 255 * 1000 // 256 + 1


def test_what_is_refused():
    made = points.Points()
    for count in (0, 1, 255, 257, 512, 1023, 2048):
        assert made.begin(count) == "a table has 256 or 1024 points, not %d" % count
    assert made.add(0, [0]) == "points 0..0 do not follow 0 of 0"
    assert made.begin(256) is None
    assert made.add(0, [0, UNIT + 1]) == "a point is 16385; it must be within -16384..16384"
    assert made.add(0, [0, -UNIT - 1]) == "a point is -16385; it must be within -16384..16384"
    assert made.add(1, [0]) == "points 1..1 do not follow 0 of 256"
    assert made.add(0, [0, 1]) is None
    assert made.add(0, [0, 1]) == "points 0..1 do not follow 2 of 256"
    assert made.add(2, [0] * 255) == "points 2..256 do not follow 2 of 256"
    assert made.table is None and made.crc == 0
    assert uploaded([1] + [0] * 255)[1] == "the table's points add up to 1; they must to 0"
    assert uploaded([0] * 256)[1] == "the table's largest point is 0; it must be 16384"
    made, problem = uploaded([UNIT - 1, 1 - UNIT] * 128)
    assert problem == "the table's largest point is 16383; it must be 16384" and made.crc == 0
    assert uploaded([-UNIT, UNIT] * 128)[1] is None


def test_a_new_upload_forgets_the_old_table():
    made, _problem = uploaded(SQUARE)
    assert made.begin(1024) is None
    assert made.table is None and made.crc == 0
