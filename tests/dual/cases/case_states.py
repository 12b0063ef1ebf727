"""The transition table: what it permits, and that it permits nothing else."""

from firmware.core import states
from firmware.shared import protocol

PERMITTED = (
    ("OFF", "SELF_TEST"),
    ("OFF", "FAULT"),
    ("SELF_TEST", "READY"),
    ("SELF_TEST", "FAULT"),
    ("READY", "SELF_TEST"),
    ("READY", "ARMED"),
    ("READY", "FAULT"),
    ("ARMED", "RAMP_UP"),
    ("ARMED", "READY"),
    ("ARMED", "FAULT"),
    ("RAMP_UP", "ACTIVE"),
    ("RAMP_UP", "RAMP_DOWN"),
    ("RAMP_UP", "READY"),
    ("RAMP_UP", "FAULT"),
    ("ACTIVE", "RAMP_UP"),
    ("ACTIVE", "RAMP_DOWN"),
    ("ACTIVE", "READY"),
    ("ACTIVE", "FAULT"),
    ("RAMP_DOWN", "PAUSED"),
    ("RAMP_DOWN", "READY"),
    ("RAMP_DOWN", "FAULT"),
    ("PAUSED", "RAMP_UP"),
    ("PAUSED", "READY"),
    ("PAUSED", "FAULT"),
    ("FAULT", "SELF_TEST"),
)


def test_exactly_these_transitions_are_permitted():
    names = protocol.STATE_NAMES
    for before in range(len(names)):
        for after in range(len(names)):
            expected = (names[before], names[after]) in PERMITTED
            assert states.permitted(before, after) is expected, (names[before], names[after])


def test_unknown_states_lead_nowhere_and_nothing_leads_to_them():
    count = len(protocol.STATE_NAMES)
    for known in range(count):
        for unknown in (-1, count, count + 1, 31, 1000):
            assert states.permitted(known, unknown) is False
            assert states.permitted(unknown, known) is False
            assert states.permitted(unknown, unknown) is False


def test_a_fault_can_follow_every_state_but_itself():
    for state in range(len(protocol.STATE_NAMES)):
        assert states.permitted(state, protocol.FAULT) is (state != protocol.FAULT)


def test_output_is_reached_through_arming_or_a_pause_only():
    before_output = [s for s in range(len(protocol.STATE_NAMES)) if states.permitted(s, protocol.RAMP_UP)]
    assert before_output == [protocol.ACTIVE, protocol.ARMED, protocol.PAUSED]
    assert [s for s in range(len(protocol.STATE_NAMES)) if states.permitted(s, protocol.ARMED)] == [protocol.READY]
    assert [s for s in range(len(protocol.STATE_NAMES)) if states.permitted(s, protocol.READY)] == [
        protocol.RAMP_UP, protocol.ACTIVE, protocol.RAMP_DOWN, protocol.SELF_TEST, protocol.ARMED, protocol.PAUSED
    ]  # fmt: skip


def test_current_flows_in_three_states():
    flowing = [state for state in range(-1, 20) if states.flows(state)]
    assert flowing == [protocol.RAMP_UP, protocol.ACTIVE, protocol.RAMP_DOWN]
