"""Stages of rp2.py: which register is written when, with one output and with two."""

from firmware.core import meter
from firmware.hw.interrupt import rp2, word
from firmware.shared import faults
from tests.interrupt.world import NAMES, RING, Words, World, effect, placed, pointer, signed

GATES, GATE_1, GATE_2 = 0b11 << 17, 1 << 18, 1 << 17
HEALTHY = {
    "period": 100, "next": 2300, "sent": 2200, "was": 2100, "window": 700, "follow": 113, "sense_of_code": 3700,
    "phase_limit": 10**8, "net_samples_min": 10**6, "blocked_max": 3, "deadman": 1000, "open_max": 3, "run": 1,
    "envelope": 1 << 28, "left": 10**6, "gain": 16 * 252, "width": 500, "gap_end": 500, "n_this": 1000, "n_base": 1000,
    "mirror": -1, "high": 4095, "step": 9, "zero_sense": 2066, "sense_slot": 3, "history_left": 8, "last_byte": 0x200,
}  # fmt: skip


def world(count: int = 1, **values: int) -> World:
    """A chip that plays a square, with one or two outputs; the words of `values` on the first one."""
    outputs = [Words(**HEALTHY) for _ in range(count)]
    made = World(outputs)
    for number, output in enumerate(outputs):
        output.gates = GATES if count == 2 else GATE_1
        output.gate_mask = (GATE_1, GATE_2)[number]
        output.sense_slot = 3 - number
    for name, value in values.items():
        setattr(outputs[0], name, value)
    dict.__setitem__(made.timer, rp2.TIMERAWL, outputs[0].due + rp2.WAIT_US)  # else it waits, and no time passes
    return made


def at(made: World, now_us: int) -> None:
    """Set the microsecond counter."""
    dict.__setitem__(made.timer, rp2.TIMERAWL, signed(now_us))


def test_registers_and_numbers_are_those_of_the_data_sheet():
    """RP2040 data sheet: SIO 2.3.1.7, I2C 4.3.17, timer 4.6.5, DMA 2.5.7."""
    assert rp2.SIO == 0xD0000000 and rp2.SIO + 4 * rp2.FIRST_WORDS == 0xD0000088
    assert [4 * at for at in (rp2.GPIO_IN, rp2.GPIO_OUT_SET, rp2.GPIO_OUT_CLR)] == [0x04, 0x14, 0x18]
    assert [4 * at for at in (rp2.IC_DATA_CMD, rp2.IC_RAW_INTR_STAT, rp2.IC_TXFLR)] == [0x10, 0x34, 0x74]
    assert [4 * at for at in (rp2.ALARM0, rp2.TIMERAWL, rp2.TIMER_INTR, rp2.WRITE_ADDR)] == [0x10, 0x28, 0x34, 0x04]
    assert rp2.TX_ABRT == 1 << 6 and rp2.ALARM0_BIT == 1 and rp2.ROUND_BEGIN == -8 and rp2.WAIT_US == 3
    assert rp2.CYCLES_MASK == 2**24 - 1 and rp2.WAIT_CYCLES == 375


def test_clock_readings_differ_as_32_bits_do():
    for later, earlier, difference in ((5, 3, 2), (3, 5, -2), (-(1 << 31), (1 << 31) - 1, 1), (0, -1, 1), (-1, 0, -1)):
        assert rp2.clock_difference(later, earlier) == difference


def test_the_next_alarm_is_a_period_after_the_last_one():
    made = world(due=1000)
    at(made, 1002)
    assert rp2.lateness(made.outputs[0]) == 2
    assert effect(rp2.schedule, made.outputs[0], 0)[1] == {"due": 1100, "ticks": 1}
    assert made.log == [("timer", rp2.TIMER_INTR, 1), ("timer", rp2.ALARM0, 1100)]


def test_an_alarm_that_has_passed_is_made_pending():
    for now, pending in ((1099, []), (1100, [("pending", 0, 1)]), (1350, [("pending", 0, 1)])):
        made = world(due=1000)
        at(made, now)
        rp2.schedule(made.outputs[0], 0)
        assert made.log[2:] == pending
    made = world(due=signed(0xFFFFFFFF - 50))
    at(made, 0xFFFFFFFF)
    rp2.schedule(made.outputs[0], 0)
    assert made.log == [("timer", rp2.TIMER_INTR, 1), ("timer", rp2.ALARM0, signed(0xFFFFFFFF + 50))]


def test_lateness_is_counted_beyond_half_a_period():
    for late, changed in ((3, {}), (50, {"worst_late": 50}), (51, {"worst_late": 51, "late": 1})):
        made = world(worst_late=3)
        assert effect(rp2.schedule, made.outputs[0], late)[1] == {"due": 100, "ticks": 1} | changed


class Clock(dict[int, int]):
    """A timer that goes on by a microsecond with every reading."""

    def __init__(self, now_us: int) -> None:
        super().__init__()
        self.now_us = now_us

    def __getitem__(self, index: int) -> int:
        assert index == rp2.TIMERAWL
        self.now_us += 1
        return signed(self.now_us)


def test_it_waits_until_its_instant_and_not_for_a_damaged_one():
    for now, late, instant, until in (
        (1000, -1, 1003, 1000),
        (1000, 0, 1003, 1003),
        (1002, 2, 1003, 1003),
        (1008, 8, 1003, 1009),
        (7, -9, 999, 7),
    ):
        made = world()
        clock = Clock(now)
        made.outputs[0].timer = placed(clock)
        rp2.await_instant(made.outputs[0], late, instant)
        assert clock.now_us == until


def test_an_interrupt_on_time_is_not_late():
    assert rp2.settle(0) == 0


def test_a_code_goes_out_as_two_bytes_with_its_flags():
    for code, shift, high, low in ((2300, 0, 8, 0x2FC), (4095, 0, 15, 0x2FF), (0, 0, 0, 0x200), (2300, -45, 8, 0x2CF)):
        made = world(next=code, shift=shift, blocked=2)
        assert effect(rp2.send, made.outputs[0])[1] == {"was": 2200, "sent": code, "blocked": 0}
        assert made.log == [("i2c0", rp2.IC_DATA_CMD, high), ("i2c0", rp2.IC_DATA_CMD, low)]


def test_a_bus_that_still_sends_drops_the_sample_whole():
    for queued in (1, 2):
        made = world(missed=6)
        dict.__setitem__(made.i2c[0], rp2.IC_TXFLR, queued)
        assert effect(rp2.send, made.outputs[0])[1] == {"was": 2200, "missed": 7, "blocked": 1}
        assert made.log == []


def test_on_the_sparse_wire_an_equal_code_is_not_sent():
    for queued in (0, 2):
        made = world(sparse=1, next=2200, blocked=1)
        dict.__setitem__(made.i2c[0], rp2.IC_TXFLR, queued)
        assert effect(rp2.send, made.outputs[0])[1] == {"was": 2200} and made.log == []
    made = world(sparse=1, next=2201)
    assert effect(rp2.send, made.outputs[0])[1]["sent"] == 2201 and len(made.log) == 2
    made = world(sparse=0, next=2200)
    rp2.send(made.outputs[0])
    assert len(made.log) == 2


def test_the_reading_counts_from_its_zero_past_the_wide_codes():
    """Each wide code of the ADC (512, 1536, 2560, 3584) hides `step` counts: shared/calibration.py, Scale.linear()."""
    for count, hidden in (
        (0, 0),
        (512, 0),
        (513, 9),
        (1536, 9),
        (1537, 18),
        (2560, 18),
        (2561, 27),
        (3584, 27),
        (3585, 36),
    ):
        made = world(window=4000)
        made.results[3] = count
        dict.__setitem__(made.sio, rp2.GPIO_IN, 0xABC)
        reading = count + hidden - 2066
        assert rp2.sense(made.outputs[0]) == (0xABC, count, reading, abs(reading)) and made.log == []


def test_beyond_the_window_the_gates_open_at_once_in_either_direction():
    for sign in (1, -1):
        for size, opened in ((700, []), (701, [("sio", rp2.GPIO_OUT_CLR, GATE_1)])):
            made = world(step=0, zero_sense=2048)
            made.results[3] = 2048 + sign * size
            assert rp2.sense(made.outputs[0])[2:] == (sign * size, size) and made.log == opened


def test_readings_come_from_the_round_that_the_dma_channel_fills():
    made = world(voltage_slot=1)
    made.results[:] = [1, 2, 3, 4]
    for offset in (0, 2, 4, 6):
        dict.__setitem__(made.dma, rp2.WRITE_ADDR, RING + offset)
        assert rp2.sense(made.outputs[0])[1] == 4 and rp2.read_voltage(made.outputs[0]) == 2


def test_only_a_missing_acknowledgement_is_one():
    made = world()
    for bits, aborted in ((0, 0), (0x40, 0x40), (0xFBF, 0), (0xFFF, 0x40)):
        dict.__setitem__(made.i2c[0], rp2.IC_RAW_INTR_STAT, bits)
        assert rp2.acknowledged_not(made.outputs[0]) == aborted


def test_a_fault_of_either_output_opens_both_gates_and_stops_both():
    for struck in (0, 1):
        made = world(2)
        rp2.open_gates(made.outputs[struck])
        assert made.log == [("sio", rp2.GPIO_OUT_CLR, GATES)] and [s.run for s in made.outputs] == [0, 0]
    made = world(1)
    assert effect(rp2.open_gates, made.outputs[0])[1] == {"run": 0}
    assert made.log == [("sio", rp2.GPIO_OUT_CLR, GATE_1)]


def test_the_multiplexer_connects_what_is_read_next():
    made = world(next_input=0b01 << 10, mux_mask=0b11 << 10)
    assert effect(rp2.select_next, made.outputs[0])[1] == {}
    assert made.log == [("sio", rp2.GPIO_OUT_CLR, 0b11 << 10), ("sio", rp2.GPIO_OUT_SET, 0b01 << 10)]


def test_what_the_main_loop_asks_for_is_connected_once_and_read_by_the_first_output():
    made = world(2)
    last = made.outputs[1]
    last.next_input, last.mux_mask, last.aux = 0, 0b11 << 10, 0b10 << 10
    assert effect(rp2.select_next, last)[1] == {"aux": 0} and made.outputs[0].aux_now == 1
    assert made.log == [("sio", rp2.GPIO_OUT_CLR, 0b11 << 10), ("sio", rp2.GPIO_OUT_SET, 0b10 << 10)]
    rp2.select_next(last)
    assert made.log[-1] == ("sio", rp2.GPIO_OUT_SET, 0)


def test_the_longest_interrupt_is_kept():
    for began, now, cycles in ((1000, 400, 975), (100, 0xFFFFFF, 476), (0, 0, 375)):
        made = world(worst_cost=374)
        dict.__setitem__(made.systick, 0, now)
        assert effect(rp2.cost, made.outputs[0], began)[1] == {"worst_cost": cycles}
        assert effect(rp2.cost, made.outputs[0], began)[1] == {}


def quiet(made: World) -> None:
    """Nothing is wrong: each output's current follows the code that was sent before the present one."""
    for number, output in enumerate(made.outputs):
        made.results[output.sense_slot] = 2048
        output.step, output.zero_sense, output.sent, output.next = 0, 2048, 2048, 2048
        output.sense_slot = 3 - number


def test_a_healthy_sample_of_one_output():
    made = world(due=1000)
    quiet(made)
    made.outputs[0].next = 2300
    at(made, 1003)
    rp2.tick()
    s = made.outputs[0]
    assert made.log == [
        ("i2c0", rp2.IC_DATA_CMD, 8), ("i2c0", rp2.IC_DATA_CMD, 0x2FC), ("timer", rp2.TIMER_INTR, 1),
        ("timer", rp2.ALARM0, 1100),
    ]  # fmt: skip
    assert (s.sent, s.next, s.ticks, s.samples, s.trip, s.inside, s.deadman, s.worst_late) == (
        2300,
        2300,
        1,
        1,
        0,
        0,
        999,
        3,
    )


def test_on_time_the_alarm_is_set_before_the_sample_is_sent():
    made = world(due=1000)
    quiet(made)
    clock = Clock(999)
    made.outputs[0].timer = placed(Ticking(made.timer, clock))
    rp2.tick()
    assert [block for block, _index, _value in made.log] == ["timer", "timer", "i2c0", "i2c0"]
    assert made.outputs[0].ticks == 1 and made.outputs[0].due == 1100 and clock.now_us == 1003


class Ticking:
    """The timer's registers, with a counter that goes on."""

    def __init__(self, registers: dict[int, int], clock: Clock) -> None:
        self._registers, self._clock = registers, clock

    def __getitem__(self, index: int) -> int:
        return self._clock[index]

    def __setitem__(self, index: int, value: int) -> None:
        self._registers[index] = value


def test_both_codes_go_out_before_either_output_is_supervised():
    made = world(2, due=1000)
    quiet(made)
    at(made, 1004)
    made.results[2] = 4095  # of the second output: far beyond its window
    rp2.tick()
    blocks = [block for block, _index, _value in made.log]
    assert blocks[:4] == ["i2c0", "i2c0", "i2c1", "i2c1"] and ("sio", rp2.GPIO_OUT_CLR, GATES) in made.log[4:]
    assert [s.trip for s in made.outputs] == [0, faults.OVER_CURRENT]
    assert [s.run for s in made.outputs] == [0, 0] and [s.ticks for s in made.outputs] == [1, 0]


def test_an_over_current_of_the_first_output_stops_the_second_in_the_same_interrupt():
    made = world(2, due=1000)
    quiet(made)
    made.results[3] = 0
    rp2.tick()
    assert [s.trip for s in made.outputs] == [faults.OVER_CURRENT, 0] and [s.run for s in made.outputs] == [0, 0]
    assert [s.next for s in made.outputs] == [2048, 2048] and made.outputs[0].trip_reading == -2048


def test_a_computed_sample_is_not_played_after_a_fault():
    made = world(due=1000)
    quiet(made)
    dict.__setitem__(made.sio, rp2.GPIO_IN, 1 << 19)
    made.outputs[0].stop_mask = 1 << 19
    rp2.tick()
    s = made.outputs[0]
    assert (s.trip, s.run, s.next, s.samples) == (faults.ESTOP, 0, 2048, 0)
    assert made.log.count(("sio", rp2.GPIO_OUT_CLR, GATE_1)) == 1


def test_each_stage_gets_what_it_needs_from_the_one_before():
    made = world(2, due=1000)
    quiet(made)
    for number, output in enumerate(made.outputs):
        output.sent = output.next = 2048 + 300
        made.results[3 - number] = 2048 + 271 + number
    rp2.tick()
    for number, output in enumerate(made.outputs):
        reading = 271 + number
        assert (output.phase_sum, output.net, output.sum_net, output.peak_current, output.last_i) == (reading,) * 5
        assert (output.before, output.phase_command, output.astray, output.open_run) == (300, 300, 0, 0)
        assert pointer(output.history)[0] == 2348 << 12 | 2048 + reading and output.sum_abs == reading


def test_without_history_left_nothing_is_kept_and_a_stopped_output_seeks_no_contact():
    made = world(due=1000, history_left=0)
    quiet(made)
    rp2.supervise(made.outputs[0])
    assert made.outputs[0].history_at == 0
    made = world(due=1000)
    quiet(made)
    made.outputs[0].was, made.outputs[0].run, made.outputs[0].open_run = 2348, 0, 2
    rp2.supervise(made.outputs[0])
    assert made.outputs[0].open_run == 2 and made.outputs[0].history_at == 1


def test_a_board_without_multiplexer_switches_nothing():
    made = world(mux_mask=1 << 10, next_input=1 << 10)
    quiet(made)
    rp2.supervise(made.outputs[0])
    assert made.log == []
    made.outputs[0].muxed = 2
    rp2.supervise(made.outputs[0])
    assert [index for _block, index, _value in made.log] == [rp2.GPIO_OUT_CLR, rp2.GPIO_OUT_SET]


def test_at_the_end_of_a_session_its_own_gate_opens():
    for done, left, log in ((4, 3, []), (2, 1, [("sio", rp2.GPIO_OUT_CLR, GATE_2)]), (1, 1, []), (0, 0, [])):
        made = world(2)
        quiet(made)
        s = made.outputs[1]
        s.run, s.done, s.next = 0, done, 2300
        rp2.supervise(s)
        assert made.log == log and (s.done, s.next) == (left, 2048)


def test_the_second_interrupt_finds_that_the_first_came():
    made = world(2, ticks=50, watched=49)
    rp2.watch(None)
    assert made.log == [] and made.outputs[0].watched == 50 and made.outputs[0].trip == 0


def test_the_second_interrupt_opens_both_gates_when_the_first_stopped_or_ended_in_its_middle():
    for values, trip in (
        ({"ticks": 50, "watched": 50}, faults.SAMPLE_INTERRUPT_STOPPED),
        ({"ticks": 50, "watched": 49, "inside": 1}, faults.SAMPLE_INTERRUPT_RAISED),
        ({"ticks": 50, "watched": 50, "inside": 1}, faults.SAMPLE_INTERRUPT_RAISED),
        ({"ticks": 50, "watched": 50, "trip": 4}, 4),
    ):
        made = world(2, **values)
        rp2.watch(None)
        assert made.log == [("sio", rp2.GPIO_OUT_CLR, GATES)] and [s.run for s in made.outputs] == [0, 0]
        assert made.outputs[0].trip == trip and made.outputs[1].trip == 0


def test_lift_puts_all_outputs_at_sensing_level_before_anything_else():
    made = world(2, go=1)
    for output in made.outputs:
        output.good, output.sense_k = 9, 7
    rp2.lift(made.outputs[0])
    for output in made.outputs:
        assert (output.sensing, output.next, output.good, output.envelope, output.sense_k) == (1, 2048, 0, 0, 0)
    assert made.outputs[0].go == 0


def test_gather_copies_words_and_the_clock():
    made = world(ticks=5, samples=6, trip=7)
    at(made, 0x7FFFFFFF)
    taken = [0] * 4
    rp2.gather(made.outputs[0], [word.TRIP, word.TICKS, word.SAMPLES], taken, 3)
    assert taken == [7, 5, 6, meter.CLOCK_MASK]


def test_samples_start_in_step_with_the_converter():
    """Behind an edge of the counter; the first sample is sent after two periods, when a round of the ADC ends."""
    made = world(period=100)
    adc = {}
    clock = Clock(4999)
    made.outputs[0].timer = placed(Ticking(made.timer, clock))
    rp2.start(made.outputs[0], placed(adc, 0x4004C000) >> 2, 0x1234)
    assert adc == {0: 0x1234} and clock.now_us == 5001
    assert made.outputs[0].due == 5001 - 3 + 200 and made.log == [("timer", rp2.ALARM0, 5198)]


def test_every_word_has_one_row_and_a_plan_its_places():
    assert sorted(NAMES.values()) == list(range(word.NEW + 1)) and len(word.TABLE) == word.NEW + 1
    assert len(set(word.PLAN)) == word.PLAN_LENGTH == len(word.PLAN) and word.LENGTH == word.NEW + word.PLAN_LENGTH
    assert len(word.SNAPSHOT) == len(meter.SNAPSHOT_FIELDS) - 1


class Slow(Clock):
    """A timer of which three readings fall into one microsecond."""

    def __getitem__(self, index: int) -> int:
        assert index == rp2.TIMERAWL
        self.now_us += 1
        return signed(self.now_us // 3)


def test_the_converter_starts_behind_an_edge_also_where_the_counter_wraps():
    for edge in (5000, 2**31 - 1):
        made = world(period=100)
        clock, adc = Slow(3 * edge - 1), {}
        made.outputs[0].timer = placed(Ticking(made.timer, clock))
        rp2.start(made.outputs[0], placed(adc, 0x4004C000) >> 2, 1)
        assert clock.now_us == 3 * (edge + 1) and made.outputs[0].due == signed(edge + 1 - 3 + 200)


def test_an_instant_is_a_sum():
    made = world(due=1001)
    quiet(made)
    clock = Clock(1000)
    made.outputs[0].timer = placed(Ticking(made.timer, clock))
    rp2.tick()
    assert clock.now_us == 1004


def test_an_interrupt_before_its_time_waits_for_nothing():
    made = world(due=1000)
    quiet(made)
    at(made, 999)
    rp2.tick()
    assert [block for block, _index, _value in made.log] == ["i2c0", "i2c0", "timer", "timer"]


def test_the_flag_of_being_inside_stands_from_before_the_sample_is_sent():
    made = world(due=1000)
    quiet(made)
    s, seen = made.outputs[0], []

    class Bus(dict[int, int]):
        def __missing__(self, index: int) -> int:
            return 0

        def __setitem__(self, index: int, value: int) -> None:
            seen.append(s.inside)

    s.i2c = placed(Bus())
    dict.__setitem__(made.systick, 0, 1000)
    rp2.tick()
    assert seen == [1, 1] and s.inside == 0 and s.worst_cost == 375


def test_on_the_sparse_wire_a_smaller_code_is_sent_too():
    made = world(sparse=1, next=2199)
    assert effect(rp2.send, made.outputs[0])[1]["sent"] == 2199


def test_the_smallest_readings_have_a_size():
    for count, reading in ((2047, -1), (2048, 0), (2049, 1)):
        made = world(step=0, zero_sense=2048)
        made.results[3] = count
        assert rp2.sense(made.outputs[0])[2:] == (reading, abs(reading))


def test_a_lesser_lateness_and_cost_change_nothing():
    made = world(worst_late=60, worst_cost=10**6)
    assert effect(rp2.schedule, made.outputs[0], 50)[1] == {"due": 100, "ticks": 1}
    assert effect(rp2.cost, made.outputs[0], 1000)[1] == {}


def test_the_second_interrupt_compares_large_counts():
    made = world(ticks=5000, watched=5000)
    rp2.watch(None)
    assert made.outputs[0].trip == faults.SAMPLE_INTERRUPT_STOPPED
    made = world(ticks=50, watched=60)
    rp2.watch(None)
    assert made.outputs[0].trip == 0
