"""Measured quantities from counters, worked out by hand; wrap-around; contact; the telemetry ring."""

from boards.rp2040_pico import board
from firmware.core import contact, meter, ring
from firmware.shared import protocol

PERIOD_US = 100


def made():
    gauge = meter.Meter(board)
    gauge.begin(PERIOD_US)
    return gauge


def snapshot(**values):
    return tuple(values.get(name, 0) for name in meter.SNAPSHOT_FIELDS)


def test_interval_of_a_known_current():
    gauge = made()
    # 1000 samples of 372 counts (200 uA), at most 310 counts of voltage (310 * 8 * 3300 / 4096 = 1998 mV).
    gauge.add(snapshot(sum_abs=372000, active=1000, peak_current=372, peak_voltage=310, sum_net=-372))
    delivered_ua, peak_ua, electrode_mv, headroom_mv = gauge.take_interval()
    assert (delivered_ua, peak_ua, electrode_mv) == (200, 200, 1998)
    assert headroom_mv == 10000 - 1998 - 640
    assert gauge.net_nc == -20  # 372 counts for one sample of 100 us: 200 uA * 100 us = 20 nC
    assert gauge.take_interval() == (0, 0, 0, 10000)


def test_impedance_at_the_end_of_a_phase_and_at_its_step():
    gauge = made()
    assert gauge.impedance_ohm() == (-1, -1)
    gauge.add(snapshot(halves=1, late_current=-372, late_voltage=-310, step_current=744, step_voltage=62))
    assert gauge.impedance_ohm() == (10000, 1000)
    gauge.add(snapshot(halves=2, late_current=0, late_voltage=1551, step_current=15, step_voltage=3))
    assert gauge.impedance_ohm() == (meter.OPEN_OHM, -1)
    gauge.add(snapshot(halves=3, late_current=1, late_voltage=1551, step_current=-16, step_voltage=0))
    assert gauge.impedance_ohm() == (1551 * 12000, 0)


def test_sums_wrap_at_32_bits():
    gauge = made()
    gauge.add(snapshot(sum_abs=0x7FFFFFF0, sum_net=0x7FFFFFF0))
    before = gauge.total_nc
    gauge.add(snapshot(sum_abs=-0x7FFFFFF0, sum_net=0x7FFFFFF0 - 4000))
    assert gauge.total_nc - before == 2  # 32 counts
    assert gauge.net_nc == gauge.charge_nc(0x7FFFFFF0 - 4000)


def test_a_pause_adds_up():
    gauge = made()
    taken = list(snapshot(sum_abs=1000, sum_net=-500, active=10, samples=20, phases=3, full_phases=2, missed=1, late=4))
    gauge.add(taken)
    before = (gauge.total_nc, gauge.net_nc)
    gauge.go_on()
    assert (gauge.total_nc, gauge.net_nc) == before and gauge.count(meter.PHASES) == 3
    for _ in range(2):  # the same numbers again move nothing; an engine may hand out the same array every time
        gauge.add(taken)
        assert (gauge.total_nc, gauge.net_nc) == (gauge.charge_nc(2000), gauge.charge_nc(-1000))
    found = [gauge.count(index) for index in (meter.SAMPLES, meter.PHASES, meter.FULL_PHASES, meter.MISSED, meter.LATE)]
    assert found == [40, 6, 4, 2, 8]
    assert gauge.take_interval()[0] == gauge.current_ua(2000, 20)
    gauge.begin(PERIOD_US)
    assert (gauge.total_nc, gauge.net_nc, gauge.count(meter.SAMPLES)) == (0, 0, 0)


def test_contact_boundaries_scale_with_area():
    for area_mm2 in (100, 1000):
        dry = contact.DRY_OHM_CM2 * 100 // area_mm2
        opened = contact.OPEN_OHM_CM2 * 100 // area_mm2
        pairs = (
            (-1, protocol.CONTACT_UNKNOWN), (0, protocol.CONTACT_SHORT), (99, protocol.CONTACT_SHORT),
            (100, protocol.CONTACT_GOOD), (dry - 1, protocol.CONTACT_GOOD), (dry, protocol.CONTACT_DRY),
            (opened - 1, protocol.CONTACT_DRY), (opened, protocol.CONTACT_OPEN), (99999999, protocol.CONTACT_OPEN),
        )  # fmt: skip
        for impedance_ohm, expected in pairs:
            assert contact.judge(impedance_ohm, area_mm2) == expected, (impedance_ohm, area_mm2)


def test_ring_keeps_both_channels():
    kept = ring.TelemetryRing(11, 2)
    for sequence in range(25):
        second = [-sequence] * ring.WIDTH if sequence % 3 else None
        kept.put(sequence, [sequence] * ring.WIDTH, second)
    assert kept.bounds() == (14, 24)
    for sequence, row, row2 in kept.get(0, 99):
        assert row == [sequence] * ring.WIDTH
        assert row2 == ([-sequence] * ring.WIDTH if sequence % 3 else None)
    kept.put(25, [0] * ring.WIDTH, [2**40] * ring.WIDTH)
    assert kept.get(25, 1)[0][2] == [2**31 - 1] * ring.WIDTH


def test_ring_keeps_the_newest():
    kept = ring.TelemetryRing(4)
    assert kept.bounds() == (-1, -1) and kept.get(0, 9) == []
    for sequence in range(6):
        kept.put(sequence * 2, [sequence] * ring.WIDTH)
    assert kept.bounds() == (4, 10)
    assert kept.get(6, 2) == [[6, [3] * ring.WIDTH, None], [8, [4] * ring.WIDTH, None]]
    for sequence, value, held in ((12, 2**40, 2**31 - 1), (13, -(2**40), -(2**31)), (14, 2**31 - 1, 2**31 - 1)):
        kept.put(sequence, [value] * ring.WIDTH)
        assert kept.get(sequence, 1) == [[sequence, [held] * ring.WIDTH, None]]
