"""Conversions between microampere, DAC codes and ADC counts: the only place where scale factors are applied.

Integers only, rounded to nearest; board constants come in as arguments. Hard-ISR safe: allocates nothing
(every intermediate stays below 2**30, where MicroPython's small integers end).
"""

DAC_STEPS = 4096  # MCP4725 data sheet, section 1: 12-bit resolution
ADC_STEPS = 4096  # RP2040 data sheet, section 4.9: 12-bit result


def rounded_div(numerator, denominator):
    """numerator / denominator rounded to nearest, halves away from zero. `denominator` > 0."""
    if numerator >= 0:
        return (numerator + denominator // 2) // denominator
    return -((-numerator + denominator // 2) // denominator)


def code_of_ua(current_ua, full_scale_ua, zero_code):
    """DAC code for a signed current, clamped to 0..4095. `full_scale_ua`: |current| at half the code range."""
    code = zero_code + rounded_div(current_ua * (DAC_STEPS // 2), full_scale_ua)
    return min(max(code, 0), DAC_STEPS - 1)


def ua_of_code(code, full_scale_ua, zero_code):
    """Signed commanded current of a DAC code, in uA."""
    return rounded_div((code - zero_code) * full_scale_ua, DAC_STEPS // 2)


def ua_of_counts(counts, reference_mv, sense_uv_per_ua):
    """Signed current of an ADC difference from the sense amplifier's zero, in uA."""
    return rounded_div(counts * reference_mv, ADC_STEPS * sense_uv_per_ua // 1000)


def counts_of_ua(current_ua, reference_mv, sense_uv_per_ua):
    """ADC difference that a signed current makes at the sense amplifier's output."""
    return rounded_div(current_ua * (ADC_STEPS * sense_uv_per_ua // 1000), reference_mv)
