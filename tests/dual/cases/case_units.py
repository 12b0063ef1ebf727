"""Conversions, pinned by numbers worked out by hand from the board's constants."""

from boards.rp2040_pico import board
from firmware.shared import units


def test_rounding_is_symmetric():
    for numerator, expected in ((5, 3), (-5, -3), (4, 2), (-4, -2), (0, 0), (1, 1), (-1, -1)):
        assert units.rounded_div(numerator, 2) == expected


def test_codes():
    pairs = ((0, 2048), (1000, 4095), (-1000, 0), (200, 2458), (-200, 1638), (1, 2050), (5000, 4095), (-5000, 0))
    for current_ua, code in pairs:
        assert units.code_of_ua(current_ua, board.FULL_SCALE_UA, board.ZERO_CODE) == code
    for current_ua in range(-999, 1000, 7):
        code = units.code_of_ua(current_ua, board.FULL_SCALE_UA, board.ZERO_CODE)
        assert abs(units.ua_of_code(code, board.FULL_SCALE_UA, board.ZERO_CODE) - current_ua) <= 1


def test_adc():
    # 1000 uA through 1 kohm x 1.5 is 1.5 V of 3.3 V: 1862 of 4096 counts.
    assert units.counts_of_ua(1000, board.ADC_REFERENCE_MV, board.SENSE_UV_PER_UA) == 1862
    assert units.ua_of_counts(1862, board.ADC_REFERENCE_MV, board.SENSE_UV_PER_UA) == 1000
    assert units.ua_of_counts(-1862, board.ADC_REFERENCE_MV, board.SENSE_UV_PER_UA) == -1000
