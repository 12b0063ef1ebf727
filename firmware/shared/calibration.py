"""Calibration: one output's conversions, by the design or by what this unit differs in from it.

It makes what flows and what is told right; it never makes a safety threshold wider (Scale.counts_of_ua). What a
calibration is made of, and its bounds: calibration_slot.py.
"""

from . import units

HALF_CODES = units.DAC_STEPS // 2
NOMINAL = {"offset_na": 0, "gain_ppm": 0, "sense_zero": 0, "sense_gain_ppm": 0, "step": 0}


class Scale:
    """One output's conversions. board: its constants; constants: a dict of calibration_slot.FIELDS, None: the design's.

    Main loop only. calibrated: whether they are measured. shift: codes that are added to every code that is sent, so
    that the middle code carries no current. sense_uv_per_ua: of this unit. step: ADC counts that each wide code hides.
    """

    def __init__(self, board, constants=None):
        found = NOMINAL if constants is None else constants
        self.calibrated = constants is not None
        self._reference_mv = board.ADC_REFERENCE_MV
        self._nominal_uv = board.SENSE_UV_PER_UA
        self._full_ua = board.FULL_SCALE_UA
        self._zero_code = board.ZERO_CODE
        self._million = 1000000 + found["gain_ppm"]
        self.sense_uv_per_ua = units.rounded_div(self._nominal_uv * (1000000 + found["sense_gain_ppm"]), 1000000)
        self.shift = -units.rounded_div(found["offset_na"] * HALF_CODES * 1000, self._full_ua * self._million)
        self.step = units.rounded_div(found["step"], 256)
        self.zero = units.rounded_div(found["sense_zero"], 256) if self.calibrated else None

    def gain(self, nominal):
        """A plan's gain or any other number of codes from the middle, for this unit."""
        return units.rounded_div(nominal * 1000000, self._million)

    def code_of_ua(self, current_ua):
        """DAC code for a signed current, clamped to 0..4095."""
        from_middle = units.rounded_div(current_ua * HALF_CODES * 1000000, self._full_ua * self._million)
        return min(max(self._zero_code + self.shift + from_middle, 0), units.DAC_STEPS - 1)

    def ua_of_counts(self, counts):
        """Signed current of an ADC difference from the sense amplifier's zero, in uA."""
        return units.ua_of_counts(counts, self._reference_mv, self.sense_uv_per_ua)

    def at_most_ua(self, current_ua):
        """A measured current as this unit or as the design's reads it, whichever is more: for upper limits."""
        return max(current_ua, units.rounded_div(current_ua * self.sense_uv_per_ua, self._nominal_uv))

    def counts_of_ua(self, current_ua):
        """ADC difference of a threshold, for a current that is not negative: this unit's or the design's, the smaller.

        So constants may only make a threshold stricter, whatever they are.
        """
        return min(
            units.counts_of_ua(current_ua, self._reference_mv, self.sense_uv_per_ua),
            units.counts_of_ua(current_ua, self._reference_mv, self._nominal_uv),
        )

    def linear(self, code):
        """An ADC code without the steps at 512, 1536, 2560 and 3584; the middle stays where it is."""
        return code + (((code + 511) >> 10) - 2) * self.step

    @property
    def sense_of_code(self):
        """ADC counts that one DAC code of this unit makes, times 4096; as strict as counts_of_ua()."""
        return units.rounded_div((self.counts_of_ua(self._full_ua) << 12) * self._million, HALF_CODES * 1000000)

    @property
    def full_share(self):
        """(a, b): a phase is full when its counts * a >= its codes * b, nine tenths of what this unit makes of them.

        a is at most eleven: five seconds of full scale times eleven stay below 2**31.
        """
        true_counts = units.counts_of_ua(self._full_ua, self._reference_mv, self.sense_uv_per_ua)
        wanted = 9 * true_counts * self._million // (10 * HALF_CODES)  # b / a, times a million
        best = (0, 0, 1000000)
        for a in range(6, 12):
            b = units.rounded_div(a * wanted, 1000000)
            error = abs(b * 1000000 - a * wanted) // a
            if error <= best[2]:
                best = (a, b, error)
        return best[:2]


def scales(board, found, channels):
    """One Scale per output. found: a checked calibration, or None."""
    return [Scale(board, found["channels"][index] if found else None) for index in range(channels)]
