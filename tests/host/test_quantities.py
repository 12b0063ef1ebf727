"""Quantities: exact, with units, and clear about what is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microcurrent import quantities
from microcurrent.quantities import AREA, CURRENT, DURATION, FREQUENCY, RATE, SHARE, SHORT_TIME, Kind

KINDS = (AREA, CURRENT, DURATION, FREQUENCY, RATE, SHARE, SHORT_TIME)

GOOD = [
    ("8.3Hz", FREQUENCY, 8300), ("0.5kHz", FREQUENCY, 500_000), ("100mHz", FREQUENCY, 100), ("250uA", CURRENT, 250),
    ("0.2mA", CURRENT, 200), ("250µA", CURRENT, 250), ("250μA", CURRENT, 250), ("2min", DURATION, 120_000),
    ("10s", DURATION, 10_000), ("500ms", DURATION, 500), (" 1.5 h ", DURATION, 5_400_000), ("10cm2", AREA, 1000),
    ("10 cm²", AREA, 1000), ("50%", SHARE, 500), ("12.5%", SHARE, 125), ("100us", SHORT_TIME, 100), ("5Hz", RATE, 5),
    ("+3uA", CURRENT, 3), (".5mA", CURRENT, 500), ("-1mA", CURRENT, -1000),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "value"), GOOD)
def test_reads(text: str, kind: Kind, value: int) -> None:
    assert quantities.parse(text, kind, low=-50_000) == value


BAD = [
    ("10", "'10' has no unit (uA, mA); nothing was sent; write for example 250uA"),
    ("10Hz", "'Hz' is not a unit of current (uA, mA); nothing was sent; write for example 250uA"),
    ("nan", "'nan' is not a number with a unit; nothing was sent; write for example 250uA"),
    ("infuA", "'infuA' is not a number with a unit; nothing was sent; write for example 250uA"),
    ("", "'' is not a number with a unit; nothing was sent; write for example 250uA"),
    ("1_0uA", "'_0uA' is not a unit of current (uA, mA); nothing was sent; write for example 250uA"),
    ("٣uA", "'٣uA' is not a number with a unit; nothing was sent; write for example 250uA"),
    ("1e99uA", "'1e99uA' has an exponent, which is not taken; nothing was sent; write for example 250uA"),
    ("2E-3mA", "'2E-3mA' has an exponent, which is not taken; nothing was sent; write for example 250uA"),
    ("0.5uA", "'0.5uA' is not a whole number of uA; nothing was sent; write for example 250uA"),
    ("-3uA", "'-3uA' is below the smallest current, 1uA; nothing was sent; choose a larger value"),
    ("0uA", "'0uA' is below the smallest current, 1uA; nothing was sent; choose a larger value"),
    ("1.001mA", "'1.001mA' is above the largest current, 1mA; nothing was sent; choose a smaller value"),
    ("9" * 30 + "mA", "above the largest current, 1mA; nothing was sent; choose a smaller value"),
    ("9" * 50 + "mA", "is not a number with a unit; nothing was sent; write for example 250uA"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(quantities.QuantityError) as caught:
        quantities.parse(text, CURRENT, 1, 1000)
    assert caught.value.args[0].endswith(message)


def test_case_matters() -> None:
    """mHz and MHz differ by nine orders of magnitude; no guess is made."""
    with pytest.raises(quantities.QuantityError, match="'MHz' is not a unit of frequency"):
        quantities.parse("1MHz", FREQUENCY)


@given(st.sampled_from(KINDS), st.integers(min_value=0, max_value=quantities.MAX_BASE_UNITS))
def test_shows_what_it_reads(kind: Kind, value: int) -> None:
    assert quantities.parse(quantities.show(value, kind), kind) == value


@given(st.text(max_size=60), st.sampled_from(KINDS))
def test_never_raises_anything_else(text: str, kind: Kind) -> None:
    try:
        value = quantities.parse(text, kind)
    except quantities.QuantityError as error:
        assert "\n" not in error.args[0]
    else:
        assert 0 <= value <= quantities.MAX_BASE_UNITS
