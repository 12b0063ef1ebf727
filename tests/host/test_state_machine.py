"""The session against arbitrary sequences of requests, readings, faults and time: what must hold after each of them.

The engine is the double of the session's cases; only what core/session.py decides is judged here.
"""

from typing import Any, ClassVar

from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from boards.rp2040_pico import board
from firmware.core import session, states, waveplan
from firmware.core.terms import Refused
from firmware.shared import faults, limits, protocol, settings, waveform
from tests.dual.cases import case_session, case_states

CODES = st.sampled_from([row[0] for row in faults.TABLE])
TRIPS = st.sampled_from([row[0] for row in faults.TABLE if row[4] == faults.TRIP])
STEPS_MS = st.sampled_from([0, 1, 5, 10, 20, 100, 301, 1001, 2001, 3001, 10001, 400000, 2**30])
READINGS = st.fixed_dictionaries(
    {},
    optional={
        "halves": st.integers(0, 3),
        "phases": st.integers(0, 50),
        "full_phases": st.integers(0, 50),
        "late_voltage": st.integers(0, 4095),
        "late_current": st.integers(0, 4095),
        "early_voltage": st.integers(0, 4095),
        "worst_late_us": st.integers(0, 200),
        "inside": st.integers(0, 1),
        "left": st.integers(-50, 99000),
    },
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "amplitude_ua": st.integers(-1, 1100) | st.sampled_from([100, 101, 400, 401, 600, 601, 1000, 1001, 10**9]),
        "polarity": st.sampled_from(waveform.POLARITIES),
        "zone": st.sampled_from(waveform.ZONES),
        "duration_ms": st.sampled_from([1000, 10000, 1200000, 1200001]),
        "area_mm2": st.sampled_from([0, 7, 100, 5000]),
    },
)
UNFIT = st.sampled_from([0, 0, faults.DAC_READBACK, faults.DAC_NO_ACK])
SURROUNDINGS = st.sampled_from(
    [
        ("estop", 0),
        ("estop", 1),
        ("supply_mv", 12000),
        ("supply_mv", 0),
        ("supply_mv", 20000),
        ("bare_usb", 0),
        ("bare_usb", 1),
        ("broken", False),
        ("broken", True),
        ("no_zero", 0),
        ("no_zero", faults.OUTPUT_ASTRAY),
        ("full_flash", False),
        ("full_flash", True),
    ]
)
REACHED = (
    *("OFF", "READY"),
    *("ARMED", "RAMP_UP", "RAMP_DOWN", "PAUSED") * 2,
    *("ACTIVE",) * 3,
)
# What follows what boot() reached, where it may. Without it chance alone would decide whether the rarest transitions
# occur, and it decides anew with every module that is imported: Hypothesis draws numbers from their constants, too.
FOLLOWS = ("", "stop", "lift-off", "fault", "resume")
AT_REST = ("OFF", "READY", "FAULT", "SELF_TEST", "ARMED", "PAUSED")


class Watched(case_session.Bench):
    """The bench of the session's cases, from the reset on, with what it tells checked as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.made = session.Session(board, self.engine, self.hear, self.record)
        self.engine.state = protocol.OFF
        self.told_state = "OFF"
        self.open_session = False
        self.seen: set[tuple[str, str]] = set()

    def hear(self, event: dict[str, Any]) -> None:
        """A change of state is in the table, and begins where the last one ended."""
        if event["ev"] == "state":
            assert event["from"] == self.told_state
            assert states.permitted(*[protocol.STATE_NAMES.index(event[end]) for end in ("from", "to")]), event
            self.seen.add((event["from"], event["to"]))
            self.told_state = event["to"]
        self.events.append(event)

    def record(self, kind: str, detail: dict[str, Any]) -> None:
        """Never while the gate conducts; a session is followed by its end before anything else of its kind."""
        assert not self.engine.gate_closed
        if kind == "end":
            assert self.open_session, "an end without a session"
            self.open_session = False
        super().record(kind, detail)
        if kind == "session":
            assert not self.open_session, "a session within a session"
            self.open_session = True


class SessionMachine(RuleBasedStateMachine):
    """Rules: what a host, a hand, the hardware and time may do. Invariants: what nobody may bring about."""

    seen: ClassVar[set[tuple[str, str]]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.bench = Watched()
        self.made = self.bench.made
        self.engine = self.bench.engine
        self.first_fault: tuple[int, ...] | None = None

    def teardown(self) -> None:
        SessionMachine.seen |= self.bench.seen

    @property
    def name(self) -> str:
        return self.made.state_name

    def may_begin(self) -> bool:
        return self.made.fault[0] == faults.NONE and not self.bench.estop and self.made.checks_passed == 1

    # What a host may ask ---------------------------------------------------------------------------------------------

    @rule(request=REQUESTS, lease_ms=st.sampled_from([500, 2000, 10000]))
    def arm(self, request: dict[str, Any], lease_ms: int) -> None:
        before, may = self.name, self.may_begin()
        try:
            terms = self.bench.arm(lease_ms, **request)
        except Refused:
            assert self.name == before
            return
        assert may and before == "READY" and self.name == "ARMED"
        assert 1 <= terms["amplitude_ua"] <= terms["limit_ua"] <= board.HARD_CAP_UA

    @rule(offset=st.sampled_from([0, 0, 0, 1, -1]), unfit=UNFIT, full_flash=st.sampled_from([False, False, True]))
    def start(self, offset: int, unfit: int = 0, full_flash: bool = False) -> None:
        before, may = self.name, self.may_begin()
        self.engine.unfit, self.bench.full_flash = unfit, full_flash
        try:
            self.made.start(self.made.number + offset, 0, self.bench.estop, self.bench.now_ms)
        except (Refused, OSError):
            assert self.name == before or (self.name in ("READY", "FAULT") and not self.engine.gate_closed)
            return
        assert may and before == "ARMED" and offset == 0 and self.name == "RAMP_UP"

    @rule(unfit=UNFIT)
    def resume(self, unfit: int) -> None:
        before, may = self.name, self.may_begin()
        self.engine.unfit = unfit
        try:
            self.made.resume(self.bench.estop, self.bench.now_ms)
        except Refused:
            assert self.name in (before, "FAULT")
            return
        assert may and before == "PAUSED" and self.name == "RAMP_UP"

    @rule()
    def pause(self) -> None:
        before = self.name
        try:
            self.made.pause(self.bench.now_ms)
        except Refused:
            assert self.name == before and before not in ("RAMP_UP", "ACTIVE")
            return
        assert self.name in ("RAMP_DOWN", "PAUSED", "FAULT")

    @rule(at_once=st.booleans())
    def stop(self, at_once: bool) -> None:
        before = self.name
        self.made.stop(at_once, self.bench.now_ms)
        assert self.name in (*AT_REST, "RAMP_DOWN")
        assert not (at_once and self.engine.gate_closed)
        assert before in AT_REST or not at_once or self.name in ("READY", "FAULT")

    @rule()
    def disarm(self) -> None:
        self.made.disarm()
        assert self.name != "ARMED"

    @rule(offset=st.sampled_from([0, 0, 0, 1]))
    def renew(self, offset: int) -> None:
        try:
            self.made.renew(self.made.number + offset, self.bench.now_ms)
        except Refused:
            return
        assert offset == 0 and (self.made.running or self.name == "PAUSED")

    # What the board does ---------------------------------------------------------------------------------------------

    @initialize(latched=st.none() | CODES, reached=st.sampled_from(REACHED), follows=st.sampled_from(FOLLOWS))
    def boot(self, latched: int | None, reached: str, follows: str) -> None:
        """To OFF, or to FAULT with what the journal kept; else on to one of the states behind, and one event more."""
        if reached == "OFF":
            if latched is not None:
                self.made.restore(latched, 1, 2, 3, "", 1)
            return
        self.all_is_mended()
        if reached == "ARMED":
            self.arm({}, 10000)
        if reached in ("READY", "ARMED"):
            return
        self.treatment(1 if reached == "RAMP_UP" else 8)
        if reached == "RAMP_DOWN":
            self.pause()
        elif reached == "PAUSED":
            self.break_off()
        assert self.name == reached
        self.follow(follows)

    def follow(self, what: str) -> None:
        """One of FOLLOWS, where it may."""
        if what == "stop":
            self.stop(at_once=True)
        elif what == "lift-off" and self.made.running:
            self.lift_off()
        elif what == "fault":
            self.any_fault(faults.OVER_CURRENT)
        elif what == "resume":
            self.resume(0)

    @rule(passes=st.booleans() | st.just(True), clears=st.booleans(), finds=st.none() | st.none() | CODES)
    def self_test(self, passes: bool, clears: bool, finds: int | None) -> None:
        before = self.name
        try:
            self.made.begin_test()
        except Refused:
            assert self.name == before and before not in ("OFF", "READY", "FAULT")
            return
        assert before in ("OFF", "READY", "FAULT") and self.name == "SELF_TEST"
        if clears:
            self.made.clear()
            self.first_fault = None
        if finds is not None:
            self.made.raise_fault(finds, 0, 0, self.bench.now_ms)
        self.made.end_test(passes)
        assert (self.name == "READY") is (passes and self.made.fault[0] == faults.NONE)

    @rule(code=CODES)
    def any_fault(self, code: int) -> None:
        self.made.raise_fault(code, 5, 4, self.bench.now_ms)
        assert self.name == "FAULT" and not self.engine.gate_closed

    @rule(ms=STEPS_MS, readings=READINGS)
    def look(self, ms: int, readings: dict[str, int]) -> None:
        self.engine.values.update(readings)
        self.bench.tick(ms)

    @precondition(lambda self: self.made.running)
    @rule(code=TRIPS)
    def trip(self, code: int) -> None:
        self.engine.values.update(trip=code, trip_reading=700)
        self.bench.tick()
        assert self.name == "FAULT" and self.made.fault[0] == code and not self.engine.gate_closed

    @precondition(lambda self: self.made.running)
    @rule()
    def lift_off(self) -> None:
        self.engine.values.update(lift_offs=self.engine.values.get("lift_offs", 0) + 1, sensing=1, envelope=0, good=0)
        self.bench.tick()
        assert self.name != "ACTIVE"

    @precondition(lambda self: self.name in ("ACTIVE", "RAMP_DOWN"))
    @rule(done=st.booleans())
    def ramp_ends(self, done: bool) -> None:
        self.engine.values.update(envelope=waveplan.ENVELOPE_ONE - 1, done=int(done))
        self.bench.tick()

    # What lets sequences get somewhere: chance alone would seldom leave FAULT ----------------------------------------

    @precondition(lambda self: self.name in ("OFF", "FAULT"))
    @rule()
    def all_is_mended(self) -> None:
        self.bench.estop = self.bench.bare_usb = self.engine.unfit = self.engine.no_zero = 0
        self.engine.broken = self.bench.full_flash = False
        self.bench.supply_mv = 12000
        self.self_test(passes=True, clears=True, finds=None)

    @precondition(lambda self: self.name == "READY" and self.may_begin())
    @rule(looks=st.integers(0, 8))
    def treatment(self, looks: int) -> None:
        self.arm({}, 10000)
        self.start(0)
        if self.made.running:
            self.goes_well(looks)

    @precondition(lambda self: self.made.running)
    @rule(steps=st.integers(1, 4))
    def goes_well(self, steps: int) -> None:
        """Contact, the ramp, full amplitude."""
        for _ in range(steps):
            self.engine.values.update(good=case_session.STABLE, halves=1, late_voltage=300, late_current=300)
            if not self.engine.values.get("sensing", 0) and self.engine.gate_closed:
                self.engine.values["envelope"] = waveplan.ENVELOPE_ONE
            self.bench.tick()

    @precondition(lambda self: self.name in ("RAMP_UP", "ACTIVE"))
    @rule()
    def break_off(self) -> None:
        """To a pause, where nothing fails."""
        self.pause()
        if self.made.running:
            self.ramp_ends(True)

    # What surrounds it -----------------------------------------------------------------------------------------------

    @rule(change=SURROUNDINGS)
    def surroundings(self, change: tuple[str, Any]) -> None:
        name, value = change
        holder = self.bench if hasattr(self.bench, name) else self.engine
        assert hasattr(holder, name)
        setattr(holder, name, value)

    # What holds ------------------------------------------------------------------------------------------------------

    @invariant()
    def current_flows_in_three_states_only(self) -> None:
        assert not self.engine.gate_closed or self.name in ("RAMP_UP", "ACTIVE", "RAMP_DOWN")

    @invariant()
    def the_state_is_the_one_that_was_told(self) -> None:
        assert self.name == self.bench.told_state
        assert self.engine.state == self.made.state

    @invariant()
    def a_latched_fault_stays_and_forbids(self) -> None:
        latched = self.made.fault if self.made.fault[0] else None
        if self.first_fault is not None:
            assert latched == self.first_fault
        self.first_fault = latched
        assert latched is None or self.name in ("FAULT", "SELF_TEST")

    @invariant()
    def a_session_in_the_journal_is_open_while_it_runs_and_no_longer(self) -> None:
        assert self.bench.open_session is (self.made.running or self.name == "PAUSED")

    @invariant()
    def the_engine_was_never_given_more_than_is_permitted(self) -> None:
        if not self.made.terms.wave:
            return
        allowed = settings.defaults()
        allowed.update({"profile": 1, "zone": waveform.ZONES.index("body"), "area_mm2": 1000})
        limit_ua = limits.permitted(self.made.terms.wave, allowed, board.HARD_CAP_UA)[0]
        assert self.made.terms.limit_ua == limit_ua
        given = [asked[1] for asked in self.engine.asked if asked[0] == "arm"]
        assert all(1 <= amplitude_ua <= board.HARD_CAP_UA for amplitude_ua in given)
        assert not self.made.running or given[-1] == self.made.terms.wave["amplitude_ua"] <= limit_ua


def test_no_sequence_breaks_what_must_hold() -> None:
    SessionMachine.seen = set()
    run_state_machine_as_test(
        SessionMachine,
        settings=hypothesis_settings(
            max_examples=500,
            stateful_step_count=25,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],  # a busy machine is no failure
        ),
    )
    assert SessionMachine.seen == set(case_states.PERMITTED), "the sequences went through every transition there is"
