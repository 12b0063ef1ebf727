"""Calibration: bounds, slots, damage, and conversions worked out by hand; no constants make a threshold wider."""

from boards.rp2040_pico import board
from firmware.shared import calibration, calibration_slot, framing, settings, units


def made(channels=1, **constants):
    each = dict(calibration.NOMINAL)
    each.update(constants)
    found = {"day": 20000, "temperature_c": 23, "reference": "meter", "channels": [dict(each) for _ in range(channels)]}
    found["id"] = calibration_slot.id_of(found)
    return found


def signed(found):
    found["id"] = calibration_slot.id_of(found)
    return found


def refused(data, channels=1):
    try:
        calibration_slot.decode_slot(data, channels)
    except settings.SlotError as error:
        return error.args[0]
    return None


def test_slot_round_trip_and_truncation_at_every_byte():
    for channels in (1, 2):
        found = made(channels, offset_na=-1234, gain_ppm=5000, sense_zero=-300, sense_gain_ppm=-42, step=2278)
        data = calibration_slot.encode_slot(7, found)
        assert calibration_slot.decode_slot(data, channels) == (7, found)
        for length in range(len(data) - 1):  # the last byte is the newline
            assert refused(data[:length], channels), length
        assert refused(data, 3 - channels) == "calibration invalid: channels must be a list of %d, one per output" % (
            3 - channels
        )


def test_slots_of_other_schemas_and_nonsense_are_refused():
    for schema in (0, 2, None, "1"):
        data = framing.encode({"schema": schema, "serial": 1, "values": made()})
        assert refused(data) == "calibration schema %s is not the 1 of this firmware" % schema
    assert refused(b"x") == "calibration damaged: no checksum at the start of the line"
    for serial in (-1, None, True, "1"):
        data = framing.encode({"schema": 1, "serial": serial, "values": made()})
        assert refused(data) == "calibration invalid: serial %s" % serial
    assert refused(framing.encode({"schema": 1, "values": made()})) == "calibration invalid: serial -1"
    assert refused(framing.encode({"schema": 1, "serial": 1})) == "calibration invalid: a calibration must be an object"
    assert calibration_slot.decode_slot(framing.encode({"schema": 1, "serial": 0, "values": made()}), 1)[0] == 0


def test_every_boundary_of_every_constant():
    for name, low, high, meaning in calibration_slot.FIELDS:
        assert meaning and low <= 0 <= high
        for value in (low, high):
            assert calibration_slot.check(made(**{name: value}), 1) is None
        for value in (low - 1, high + 1):
            text = "channel 1: %s is %d; an honest unit has %d..%d" % (name, value, low, high)
            assert calibration_slot.check(made(**{name: value}), 1) == text
        for value in (None, True, 1.5, "1"):
            text = "channel 1: %s must be a whole number %d..%d" % (name, low, high)
            assert calibration_slot.check(made(**{name: value}), 1) == text
    for name, low, high in (("day", 1, 65535), ("temperature_c", -20, 80)):
        for value in (low - 1, high + 1):
            found = made()
            found[name] = value
            text = "%s is %d; an honest unit has %d..%d" % (name, value, low, high)
            assert calibration_slot.check(signed(found), 1) == text
        for value in (low, high):
            found = made()
            found[name] = value
            assert calibration_slot.check(signed(found), 1) is None


def test_what_is_no_calibration():
    for found in (None, 5, "x", []):
        assert calibration_slot.check(found, 1) == "a calibration must be an object"
    for reference in (None, 5, "x" * 41):
        found = made()
        found["reference"] = reference
        assert calibration_slot.check(found, 1) == "reference must be a text of at most 40 characters"
    found = made()
    found["reference"] = "x" * 40
    assert calibration_slot.check(signed(found), 1) is None
    for channels in (None, {}, [], "x"):
        found = made()
        found["channels"] = channels
        assert calibration_slot.check(found, 1) == "channels must be a list of 1, one per output"
    found = made(2)
    found["channels"][1] = 5
    assert calibration_slot.check(found, 2) == "channel 2: it is no object"
    found = made()
    good = found["id"]
    assert len(good) == 8
    for wrong in ("00000000", None, 5):
        found["id"] = wrong
        shown = "00000000" if wrong == "00000000" else str(wrong)
        assert good in calibration_slot.check(found, 1) and shown in calibration_slot.check(found, 1)


def test_the_id_depends_on_every_number():
    ids = {calibration_slot.id_of(made()), calibration_slot.id_of(made(2))}
    for row in calibration_slot.FIELDS:
        ids.add(calibration_slot.id_of(made(**{row[0]: 1})))
    for name, value in (("day", 1), ("temperature_c", 0), ("reference", "")):
        found = made()
        found[name] = value
        ids.add(calibration_slot.id_of(found))
    assert len(ids) == 2 + len(calibration_slot.FIELDS) + 3


def test_without_constants_everything_is_the_designs():
    scale = calibration.Scale(board)
    assert (scale.calibrated, scale.shift, scale.step, scale.zero) == (False, 0, 0, None)
    assert scale.sense_uv_per_ua == board.SENSE_UV_PER_UA == 1500
    assert scale.sense_of_code == 3724 and scale.full_share == (11, 9)
    for current_ua in (-1000, -999, -200, -1, 0, 1, 8, 600, 1000, 5000):
        assert scale.code_of_ua(current_ua) == units.code_of_ua(current_ua, board.FULL_SCALE_UA, board.ZERO_CODE)
    for counts in (-1862, -1, 0, 1, 372, 1862):
        assert scale.ua_of_counts(counts) == units.ua_of_counts(counts, 3300, 1500)
        assert scale.linear(counts + 2048) == counts + 2048
    for number in (-32768, -1, 0, 1, 6554, 32768):
        assert scale.gain(number) == number
    assert (scale.counts_of_ua(1000), scale.at_most_ua(900)) == (1862, 900)


def test_constants_by_hand():
    # 5 uA too much at the middle: 5 * 2.048 codes / 1.02 = 10.04 down. 200 uA: 409.6 codes / 1.02 = 401.57.
    scale = calibration.Scale(board, made(offset_na=5000, gain_ppm=20000)["channels"][0])
    assert scale.calibrated and scale.shift == -10 and scale.zero == 0
    assert scale.code_of_ua(200) == 2048 - 10 + 402 and scale.code_of_ua(-200) == 2048 - 10 - 402
    assert scale.code_of_ua(5000) == 4095 and scale.code_of_ua(-5000) == 0
    assert scale.gain(6554) == 6425 and scale.gain(-6554) == -6425  # / 1.02 = 6425.5, rounded 6425.49
    assert scale.sense_of_code == 3798  # 3724 * 1.02
    # A sense that shows 4 % more: 372 counts are 200 uA / 1.04 = 192.
    high = calibration.Scale(board, made(sense_gain_ppm=40000)["channels"][0])
    assert high.sense_uv_per_ua == 1560 and high.ua_of_counts(372) == 192
    assert high.counts_of_ua(1000) == 1862 and high.at_most_ua(900) == 936
    low = calibration.Scale(board, made(sense_gain_ppm=-40000, offset_na=-20000)["channels"][0])
    assert low.sense_uv_per_ua == 1440 and low.ua_of_counts(372) == 208 and low.shift == 41
    assert low.counts_of_ua(1000) == 1787 and low.at_most_ua(900) == 900
    assert calibration.Scale(board, made(sense_zero=-2560)["channels"][0]).zero == -10


def test_steps_of_the_adc_are_put_back():
    scale = calibration.Scale(board, made(step=2278)["channels"][0])
    assert scale.step == 9
    pairs = ((0, -18), (512, -18), (513, -9), (1536, -9), (1537, 0), (2048, 0), (2560, 0), (2561, 9), (3584, 9),
             (3585, 18), (4095, 18))  # fmt: skip
    for code, more in pairs:
        assert scale.linear(code) == code + more, code


def test_a_full_phase_is_nine_tenths_of_what_the_unit_makes():
    low, high = {}, {}
    for name, least, most, _meaning in calibration_slot.FIELDS:
        low[name], high[name] = least, most
    for gain_ppm in (-60000, -31000, 0, 31000, 60000):
        for sense_gain_ppm in (-50000, -13000, 0, 27000, 50000):
            scale = calibration.Scale(board, made(gain_ppm=gain_ppm, sense_gain_ppm=sense_gain_ppm)["channels"][0])
            a, b = scale.full_share
            share = (
                b
                * 100
                * 2048
                // a
                * 1000
                // (1862 * (1000 + gain_ppm // 1000) * (1000 + sense_gain_ppm // 1000) // 1000)
            )
            assert 1 <= a <= 11 and 87 <= share <= 93, (gain_ppm, sense_gain_ppm, a, b, share)


def test_no_constants_make_a_threshold_wider():
    nominal = calibration.Scale(board)
    for gain_ppm in (-60000, 0, 60000):
        for sense_gain_ppm in range(-50000, 50001, 5000):
            for step in (0, 2278, 3072):
                constants = made(gain_ppm=gain_ppm, sense_gain_ppm=sense_gain_ppm, step=step)["channels"][0]
                scale = calibration.Scale(board, constants)
                for current_ua in (8, 12, 60, 160, 700, 820, 950, 1000):
                    assert scale.counts_of_ua(current_ua) <= nominal.counts_of_ua(current_ua)
                assert scale.at_most_ua(board.LIMITER_MAX_UA + 1) > board.LIMITER_MAX_UA
                for code in range(0, 4096, 37):  # what is compared with a threshold never comes nearer to the middle
                    assert abs(scale.linear(code) - 2048) >= abs(code - 2048)
                # What a code is expected to show is at most what the design expects of the current that it stands for.
                most = nominal.sense_of_code * (1000000 + gain_ppm) // 1000000 + 1
                assert scale.sense_of_code <= most


def test_scales_of_a_board():
    for channels in (1, 2):
        assert [scale.calibrated for scale in calibration.scales(board, None, channels)] == [False] * channels
        found = calibration.scales(board, made(channels, step=2304), channels)
        assert [scale.step for scale in found] == [9] * channels
