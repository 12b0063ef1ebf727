"""The main loop's supervisor: every check, at its limit and one beyond; nothing else trips it."""

from boards.rp2040_pico import board
from firmware.core import meter, supervisor, waveplan
from firmware.shared import faults, limits

FULL = waveplan.ENVELOPE_ONE
PERIOD_US = 100
ODD_US = 101  # a period that divides without leaving whole numbers
MISSING_MS = supervisor.MISSING_MS
STABLE = supervisor.STABLE_MS * 1000 // PERIOD_US
HALF_RAIL = board.COMPLIANCE_MV // 2 * 4096 // (board.ADC_REFERENCE_MV * board.VOLTAGE_DIVIDER)
GOOD_SUPPLY_MV = 12000


def snapshot(**values):
    return tuple(values.get(name, 0) for name in meter.SNAPSHOT_FIELDS)


class Run:
    """A session that goes well unless a test says otherwise: ticks advance, phases are full, contact is good."""

    def __init__(self, amplitude_ua=200, duration_ms=100000, start_ms=0):
        self.made = supervisor.Supervisor(board)
        self.made.begin(amplitude_ua, duration_ms, PERIOD_US, start_ms)
        self.now_ms = start_ms
        self.values = {"envelope": FULL, "late_current": 372, "late_voltage": 300, "halves": 1, "good": 1}
        self.supply_mv, self.temperature_c, self.bare_usb, self.total_uc = GOOD_SUPPLY_MV, 27, 0, 0
        self.ticking = self.conducting = True
        first = snapshot(clock_us=start_ms * 1000 & meter.CLOCK_MASK)
        assert self.made.look(first, start_ms, GOOD_SUPPLY_MV, 27, 0, 0) == faults.NONE

    def step(self, ms=10):
        self.now_ms += ms
        self.values["clock_us"] = self.now_ms * 1000 & meter.CLOCK_MASK
        if self.ticking:
            self.values["ticks"] = self.values.get("ticks", 0) + ms * 1000 // PERIOD_US
        if self.conducting:
            for name in ("phases", "full_phases", "halves"):
                self.values[name] = self.values.get(name, 0) + 1
        return self.made.look(
            snapshot(**self.values), self.now_ms, self.supply_mv, self.temperature_c, self.bare_usb, self.total_uc
        )

    def steps(self, total_ms, ms=10):
        """The first fault within total_ms, or NONE."""
        for _ in range(total_ms // ms):
            code = self.step(ms)
            if code:
                return code
        return faults.NONE

    @property
    def numbers(self):
        return self.made.reading, self.made.limit


def test_a_good_session_trips_nothing():
    run = Run()
    assert run.steps(60000, 1000) == faults.NONE
    assert run.made.flowed_ms == 60000


def test_of_long_samples_two_may_be_missing():
    """One is under way, and it may be as late as the next one: samples of 40 ms, as on the ESP32, and longer ones."""
    for sample_us, told in ((40000, (81, 80)), (500250, (1001, 1000))):
        for more_us, code in ((0, faults.NONE), (1, faults.SAMPLE_INTERRUPT_STOPPED)):
            made = supervisor.Supervisor(board)
            made.begin(200, 100000, sample_us, 0)
            assert made.look(snapshot(), 0, GOOD_SUPPLY_MV, 27, 0, 0) == faults.NONE
            look = snapshot(ticks=3, clock_us=5 * sample_us + more_us)
            assert made.look(look, 200, GOOD_SUPPLY_MV, 27, 0, 0) == code
            if code:
                assert (made.reading, made.limit) == told


def test_a_silent_interrupt_is_found_at_the_next_look():
    for start_ms in (0, 2**30 - 3, 2**32 - 3):
        run = Run(start_ms=start_ms)
        run.step()
        run.ticking = False
        assert run.step(MISSING_MS) == faults.NONE
        assert run.step(MISSING_MS + 1) == faults.SAMPLE_INTERRUPT_STOPPED
        assert run.numbers == (MISSING_MS + 1, MISSING_MS)


def test_an_interrupt_that_never_came():
    run = Run()
    run.ticking = False
    assert run.step(MISSING_MS + 1) == faults.SAMPLE_INTERRUPT_STOPPED


def test_a_first_look_has_nothing_to_compare_with():
    made = supervisor.Supervisor(board)
    made.begin(200, 1000, PERIOD_US, 0)
    assert made.look(snapshot(clock_us=9999999), 0, GOOD_SUPPLY_MV, 27, 0, 0) == faults.NONE
    assert made.look(snapshot(clock_us=9999999 + MISSING_MS * 1000), 1, GOOD_SUPPLY_MV, 27, 0, 0) == faults.NONE
    look = snapshot(clock_us=9999999 + 2 * MISSING_MS * 1000 + 1)
    assert made.look(look, 2, GOOD_SUPPLY_MV, 27, 0, 0) == faults.SAMPLE_INTERRUPT_STOPPED
    assert (made.reading, made.limit) == (MISSING_MS + 1, MISSING_MS)


def test_the_first_snapshot_may_stand_at_any_instant_of_its_clock():
    """Across the wrap too, to the microsecond."""
    for first_us in (0, 1, 2, meter.CLOCK_MASK - 1, meter.CLOCK_MASK):
        for passed_us, code in (
            (MISSING_MS * 1000, faults.NONE),
            (MISSING_MS * 1000 + 1, faults.SAMPLE_INTERRUPT_STOPPED),
        ):
            made = supervisor.Supervisor(board)
            made.begin(200, 1000, PERIOD_US, 0)
            assert made.look(snapshot(clock_us=first_us), 0, GOOD_SUPPLY_MV, 27, 0, 0) == faults.NONE
            look = snapshot(clock_us=(first_us + passed_us) & meter.CLOCK_MASK)
            assert made.look(look, passed_us // 1000, GOOD_SUPPLY_MV, 27, 0, 0) == code


def test_compliance_counts_from_the_beginning():
    made = supervisor.Supervisor(board)
    made.begin(50, 100000, PERIOD_US, 0)
    now_ms = supervisor.COMPLIANCE_MS + 1
    look = snapshot(envelope=FULL, phases=supervisor.COMPLIANCE_PHASES)
    assert made.look(look, now_ms, GOOD_SUPPLY_MV, 27, 0, 0) == faults.COMPLIANCE_LOST


def test_an_interrupt_at_half_speed():
    run = Run()
    run.ticking = False
    for _ in range(5):
        run.values["ticks"] = run.values.get("ticks", 0) + 10 * 5
        code = run.step(10)
    assert code == faults.SAMPLE_INTERRUPT_STOPPED and run.numbers == (5, MISSING_MS)


def test_an_interrupt_that_ended_in_its_middle():
    run = Run()
    run.step()
    run.ticking, run.values["inside"] = False, 1
    assert run.step(MISSING_MS + 1) == faults.SAMPLE_INTERRUPT_RAISED


def test_an_interrupt_that_is_seen_at_work_is_no_fault():
    run = Run()
    run.values["inside"] = 1
    assert run.steps(1000) == faults.NONE


def test_a_late_interrupt():
    for late_us, code in ((PERIOD_US - 1, 0), (PERIOD_US, 0), (PERIOD_US + 1, faults.SAMPLE_INTERRUPT_LATE)):
        run = Run()
        run.values["worst_late_us"] = late_us
        assert run.step() == code
    assert run.numbers == (PERIOD_US + 1, PERIOD_US)


def test_over_time_counts_treatment_only():
    run = Run(duration_ms=1000)
    assert run.step(1000 + supervisor.OVERTIME_MS) == faults.NONE
    assert run.step(1) == faults.OVER_TIME
    assert run.numbers == (1001 + supervisor.OVERTIME_MS, 1000 + supervisor.OVERTIME_MS)
    run = Run(duration_ms=1000)
    run.values["sensing"] = 1
    assert run.steps(5000, 100) == faults.NONE
    assert run.made.flowed_ms == 0


def test_an_open_electrode():
    run = Run()
    run.step(7)
    run.values.update(sensing=1, good=0, late_voltage=1551)
    assert run.steps(supervisor.CONTACT_MS, 100) == faults.NONE
    assert run.step(1) == faults.OPEN_ELECTRODE
    assert run.numbers == (supervisor.CONTACT_MS + 1, supervisor.CONTACT_MS)


def test_contact_that_comes_in_time_starts_the_clock_anew():
    run = Run()
    for _ in range(3):
        run.values.update(sensing=1, good=0, late_voltage=1551)
        assert run.steps(supervisor.CONTACT_MS - 100, 100) == faults.NONE
        run.values.update(sensing=0)
        assert run.step() == faults.NONE


def breaking(envelope, sought_ms=300, tries=40):
    """Contact that is found again and again, and breaks in a ramp that got so far: (fault, its numbers, how many)."""
    run = Run()
    for count in range(1, tries + 1):
        run.values.update(sensing=1, good=1)
        code = run.step(sought_ms)
        if code:
            return code, run.numbers, count
        run.values.update(sensing=0, envelope=envelope)
        assert run.step(50) == faults.NONE
    return faults.NONE, (0, 0), tries


def test_contact_that_breaks_in_every_ramp_is_none():
    found = (supervisor.CONTACT_MS + 200, supervisor.CONTACT_MS)
    assert breaking(FULL - 1) == (faults.OPEN_ELECTRODE, found, 34)
    assert breaking(0) == (faults.OPEN_ELECTRODE, found, 34)
    assert breaking(FULL)[0] == faults.NONE
    assert breaking(int("268435457"))[0] == faults.NONE  # another object, and one more
    exactly = supervisor.CONTACT_MS // 40
    assert breaking(FULL - 1, exactly)[0] == faults.NONE
    assert breaking(FULL - 1, exactly, 41)[0] == faults.OPEN_ELECTRODE


def test_a_dead_sense_amplifier_is_no_open_electrode():
    for voltage, code in (
        (HALF_RAIL - 1, faults.SENSE_STUCK),
        (1 - HALF_RAIL, faults.SENSE_STUCK),
        (HALF_RAIL, 0),
        (-HALF_RAIL, 0),
    ):
        run = Run()
        run.step()
        run.values.update(sensing=1, good=0, late_voltage=voltage)
        assert run.step(supervisor.SENSE_MS) == faults.NONE
        assert run.step(1) == code
    for reprieve in ({"good": 1}, {"halves": 0}):
        run = Run()
        run.conducting = False
        run.values.update(sensing=1, good=0, late_voltage=0, envelope=0)
        run.values.update(reprieve)
        assert run.steps(2000, 100) == faults.NONE


def test_the_numbers_of_a_dead_sense_amplifier():
    run = Run()
    run.values.update(sensing=1, good=0, late_voltage=12)
    assert run.steps(1000) == faults.SENSE_STUCK
    assert run.numbers == (12, HALF_RAIL)


def test_stable_contact():
    made = supervisor.Supervisor(board)
    made.begin(200, 1000, PERIOD_US, 0)
    for good, expected in ((0, False), (STABLE - 1, False), (STABLE, True), (STABLE + 1, True)):
        assert made.contact_is_stable(snapshot(good=good)) is expected


def lacking(frequency_hz, envelope=FULL):
    """(time until compliance-lost in ms or None) of a session whose phases stop being full."""
    run = Run()
    run.step()
    run.conducting = False
    run.values["envelope"] = envelope
    half_ms = 500 // frequency_hz if frequency_hz else 0
    elapsed, phases = 0, run.values["phases"]
    while elapsed < supervisor.COMPLIANCE_MS + 500:
        ms = 1 if -20 <= elapsed - supervisor.COMPLIANCE_MS < 20 else 20
        elapsed += ms
        run.values["phases"] = phases + (elapsed // half_ms if half_ms else 0)
        if run.step(ms):
            assert run.made.limit == supervisor.COMPLIANCE_MS
            assert run.made.reading == elapsed
            return elapsed
    return None


def test_compliance_lost_for_too_long():
    assert lacking(10) == supervisor.COMPLIANCE_MS + 1
    assert lacking(1) == supervisor.COMPLIANCE_MS + 1
    assert lacking(0) is None  # no phase has ended: nothing to judge by
    assert lacking(10, FULL - 1) is None  # in a ramp phases are smaller


def test_slow_phases_are_waited_for():
    run = Run()
    run.step()
    run.conducting = False
    for phase in range(supervisor.COMPLIANCE_PHASES):
        assert run.steps(5000, 100) == faults.NONE, phase
        run.values["phases"] += 1
    assert run.step() == faults.COMPLIANCE_LOST


def test_one_full_phase_is_enough():
    run = Run()
    run.step()
    run.conducting = False
    for _ in range(5):
        run.values["phases"] += 10
        assert run.steps(supervisor.COMPLIANCE_MS - 100, 100) == faults.NONE
        run.values["full_phases"] += 1
        assert run.step() == faults.NONE


def test_sensing_does_not_lack_compliance():
    run = Run()
    run.step()
    run.conducting = False
    run.values.update(sensing=1, good=5, phases=100)
    assert run.steps(supervisor.CONTACT_MS - 1000, 100) == faults.NONE


def short(amplitude_ua, current, voltage, envelope=FULL):
    run = Run(amplitude_ua=amplitude_ua)
    run.step()
    run.values.update(late_current=current, late_voltage=voltage, envelope=envelope)
    if run.step(supervisor.SHORT_MS):
        return "early"
    code = run.step(1)
    if code:
        assert run.numbers == (abs(voltage), supervisor.SHORT_OHM)
    return code


def test_electrodes_that_touch():
    assert short(200, 372, 0) == faults.SHORT
    assert short(200, 372, 3) == faults.SHORT  # 97 ohm
    assert short(200, 372, 4) == 0  # 129 ohm
    assert short(200, 360, 3) == 0  # 100 ohm exactly
    assert short(200, 361, 3) == faults.SHORT
    assert short(200, 0, 0) == 0  # no current: not a short
    assert short(200, -372, -4) == 0
    assert short(200, -372, -3) == faults.SHORT
    assert short(supervisor.SHORT_FROM_UA, 186, 0) == faults.SHORT
    assert short(supervisor.SHORT_FROM_UA - 1, 186, 0) == 0
    assert short(200, 372, 0, FULL - 1) == 0


def test_a_short_for_a_moment_is_none():
    run = Run()
    for _ in range(3):
        run.values.update(late_voltage=0)
        assert run.steps(supervisor.SHORT_MS, 100) == faults.NONE
        run.values.update(late_voltage=300)
        assert run.step() == faults.NONE


def surroundings(looks=supervisor.TEMPERATURE_LOOKS, **values):
    made = supervisor.Supervisor(board)
    given = {"supply_mv": GOOD_SUPPLY_MV, "temperature_c": 27, "bare_usb": 0}
    given.update(values)
    codes = [made.surroundings(given["supply_mv"], given["temperature_c"], given["bare_usb"]) for _ in range(looks)]
    return codes, (made.reading, made.limit)


def test_supply_temperature_and_usb_at_their_limits():
    low, high, warm = board.SUPPLY_MIN_MV, board.SUPPLY_MAX_MV, board.TEMPERATURE_MAX_C
    for name, value, code, limit in (
        ("supply_mv", low, 0, 0),
        ("supply_mv", low - 1, faults.SUPPLY, low),
        ("supply_mv", high, 0, 0),
        ("supply_mv", high + 1, faults.SUPPLY, high),
        ("supply_mv", 0, faults.SUPPLY, low),
        ("temperature_c", warm, 0, 0),
        ("temperature_c", warm + 1, faults.OVER_TEMPERATURE, warm),
    ):
        codes, numbers = surroundings(**{name: value})
        assert codes == [0, 0, code], (name, value)
        if code:
            assert numbers == (value, limit)
    assert surroundings(1, bare_usb=1) == ([faults.MAINS_USB], (1, 0))


def test_one_disturbed_reading_ends_nothing():
    made = supervisor.Supervisor(board)
    for _ in range(10):
        for reading in ((5000, 27), (5000, 90), (GOOD_SUPPLY_MV, 90), (GOOD_SUPPLY_MV, 27)):
            assert made.surroundings(reading[0], reading[1], 0) == faults.NONE


def test_surroundings_are_looked_at_during_a_session():
    for name, value, code in (
        ("supply_mv", 9000, faults.SUPPLY),
        ("temperature_c", 80, faults.OVER_TEMPERATURE),
        ("bare_usb", 1, faults.MAINS_USB),
    ):
        run = Run()
        setattr(run, name, value)
        assert run.steps(100) == code


def test_session_charge():
    run = Run()
    run.total_uc = limits.SESSION_CHARGE_UC
    assert run.step() == faults.NONE
    run.total_uc += 1
    assert run.step() == faults.CHARGE_LIMIT
    assert run.numbers == (limits.SESSION_CHARGE_UC + 1, limits.SESSION_CHARGE_UC)


def test_begin_forgets_the_session_before():
    run = Run(duration_ms=1000)
    run.values.update(late_voltage=0)
    run.supply_mv = 0
    run.steps(20)
    run.made.begin(200, 1000, PERIOD_US, run.now_ms)
    assert run.made.flowed_ms == 0
    run.supply_mv = GOOD_SUPPLY_MV
    run.values = {"envelope": FULL, "late_current": 372, "late_voltage": 0, "halves": 1, "good": 1}
    assert run.steps(supervisor.SHORT_MS) == faults.NONE


def test_the_stated_times():
    assert (supervisor.MISSING_MS, supervisor.CONTACT_MS, supervisor.SENSE_MS) == (3, 10000, 300)
    assert (supervisor.COMPLIANCE_MS, supervisor.COMPLIANCE_PHASES) == (3000, 3)
    assert (supervisor.SHORT_MS, supervisor.SHORT_OHM, supervisor.SHORT_FROM_UA) == (1000, 100, 100)
    assert (supervisor.OVERTIME_MS, supervisor.TEMPERATURE_LOOKS, supervisor.STABLE_MS) == (500, 3, 300)


def test_a_supervisor_without_a_session_permits_no_time():
    made = supervisor.Supervisor(board)
    assert (made.reading, made.limit) == (0, 0)
    good = {"good": 1, "halves": 1, "late_voltage": 300}
    ticks = 10
    now_ms = supervisor.OVERTIME_MS
    assert made.look(snapshot(ticks=now_ms * ticks, **good), now_ms, GOOD_SUPPLY_MV, 27, 0, 0) == faults.NONE
    code = made.look(snapshot(ticks=(now_ms + 1) * ticks, **good), now_ms + 1, GOOD_SUPPLY_MV, 27, 0, 0)
    assert (code, made.reading, made.limit) == (faults.OVER_TIME, supervisor.OVERTIME_MS + 1, supervisor.OVERTIME_MS)


def test_missing_interrupts_are_told_in_whole_milliseconds():
    run = Run()
    run.ticking = False
    run.values["ticks"] = 10 * 7 + 1
    assert run.step(7 + MISSING_MS) == faults.NONE
    run.values["ticks"] += 10 - 1  # a tenth of a millisecond short of one
    assert run.step(2 + MISSING_MS) == faults.SAMPLE_INTERRUPT_STOPPED
    assert run.numbers == (2 + MISSING_MS, MISSING_MS)


def test_full_phases_that_stand_still_at_a_large_count():
    run = Run()
    run.values.update(full_phases=1000000, phases=1000000)
    run.step()
    run.conducting = False
    for count in range(3):
        run.values.update(full_phases=int("1000001"), phases=1000100 + count)  # the same number, another object
        run.step(supervisor.COMPLIANCE_MS // 3)
    assert run.step(1) == faults.COMPLIANCE_LOST


def test_a_count_of_full_phases_that_begins_anew_counts_as_progress():
    run = Run()
    run.values.update(full_phases=1000, phases=1000)
    run.step()
    run.conducting = False
    run.values["phases"] += 10
    assert run.steps(supervisor.COMPLIANCE_MS - 100, 100) == faults.NONE
    run.values["full_phases"] = 3
    assert run.step(101) == faults.NONE


def test_an_envelope_beyond_full_counts_as_full():
    assert short(200, 372, 0, FULL + 1) == faults.SHORT
    assert lacking(10, FULL + 1) == supervisor.COMPLIANCE_MS + 1


def test_what_persists_is_told_at_every_look():
    for name, value, code in (("supply_mv", 0, faults.SUPPLY), ("temperature_c", 90, faults.OVER_TEMPERATURE)):
        assert surroundings(6, **{name: value})[0] == [0, 0, code, code, code, code]


def test_a_good_reading_starts_the_count_at_zero():
    made = supervisor.Supervisor(board)
    for supply_mv, temperature_c, code in ((0, 27, faults.SUPPLY), (GOOD_SUPPLY_MV, 90, faults.OVER_TEMPERATURE)):
        assert made.surroundings(GOOD_SUPPLY_MV, 27, 0) == faults.NONE
        found = [made.surroundings(supply_mv, temperature_c, 0) for _ in range(3)]
        assert found == [0, 0, code]


class OddBoard:
    """Constants that divide without leaving whole numbers: every limit rounds down."""

    COMPLIANCE_MV = 10007
    ADC_REFERENCE_MV = 3301
    VOLTAGE_DIVIDER = 7
    SENSE_UV_PER_UA = 1500
    SUPPLY_MIN_MV, SUPPLY_MAX_MV, TEMPERATURE_MAX_C = 10800, 13200, 60


def test_limits_round_down_on_any_board():
    made = supervisor.Supervisor(OddBoard)
    made.begin(200, 1000, ODD_US, 0)
    late = snapshot(ticks=1, worst_late_us=102)
    assert made.look(late, 1, GOOD_SUPPLY_MV, 27, 0, 0) == faults.SAMPLE_INTERRUPT_LATE
    assert (made.reading, made.limit) == (102, 101)
    assert made.contact_is_stable(snapshot(good=2970)) and not made.contact_is_stable(snapshot(good=2969))


def test_missing_time_rounds_down_on_any_board():
    made = supervisor.Supervisor(OddBoard)
    for passed_us, code in ((1001991, faults.NONE), (1001992, faults.SAMPLE_INTERRUPT_STOPPED)):
        made.begin(200, 1000, ODD_US, 0)
        assert made.look(snapshot(), 0, GOOD_SUPPLY_MV, 27, 0, 0) == faults.NONE
        look = snapshot(ticks=9891, clock_us=passed_us)  # 998.991 ms of interrupts
        assert made.look(look, passed_us // 1000, GOOD_SUPPLY_MV, 27, 0, 0) == code
    assert (made.reading, made.limit) == (4, MISSING_MS)


def test_the_clock_of_snapshots_may_wrap():
    for ticking, code in ((True, faults.NONE), (False, faults.SAMPLE_INTERRUPT_STOPPED)):
        run = Run(start_ms=(meter.CLOCK_MASK + 1) // 1000 - 5)
        run.ticking = ticking
        assert run.step() == code


def half_rail_counts(compliance_mv):
    """The limit of a dead sense amplifier on a board with that compliance."""

    class Board(OddBoard):
        COMPLIANCE_MV = compliance_mv

    made = supervisor.Supervisor(Board)
    made.begin(200, 1000, ODD_US, 0)
    codes = []
    for now_ms, halves in ((0, 0), (supervisor.SENSE_MS, 1), (supervisor.SENSE_MS + 1, 1)):
        look = snapshot(ticks=now_ms * 10, sensing=1, halves=halves)
        codes.append(made.look(look, now_ms, GOOD_SUPPLY_MV, 27, 0, 0))
    assert codes == [faults.NONE, faults.NONE, faults.SENSE_STUCK]
    return made.limit


def test_half_the_rail_in_counts_rounds_down_on_any_board():
    assert half_rail_counts(9015) == 798  # 4507 * 4096 / (3301 * 7) is 798.9
    assert half_rail_counts(9005) == 798  # 4502 * 4096 / (3301 * 7) is 798.0
