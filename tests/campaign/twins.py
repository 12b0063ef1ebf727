"""Mirror images and the two outputs: the same fault must give the same code after the same time.

All cases of a group are struck at the same place of a sample period and of a phase. Their times to off may differ by
the quantum of what finds the fault:

- the sample interrupt: a reading at its limit is found one sample earlier or later, by other branches (1 us), and the
  second output is measured 16 us behind the first;
- its ledger of direct current: it closes with whole cycles, and a phase of the other sign is half a cycle away;
- the charge of a phase: the bench's stage adds 0.5 uA to both signs, so they differ by 1 uA, and by one ADC count;
- the main loop: a pass of the garbage collector between two supervisor cycles takes 22 ms of the processor, the two
  cycles 9 ms, and the sample interrupt makes them longer;
- contact sensing begins with its positive half wave of 5 ms, whatever the sign of what went before;
- in a ramp, the mirror image meets the amplitude of half a cycle later.

A check with the gate open has no time to off. Not compared: "slow" elsewhere than in ACTIVE, for one sign lasts a
second there, and a ramp 1.2; and what a ramp or contact sensing leaves too small to be seen for certain, for there the
rest of the ramp decides which limit is reached first.
"""

from collections.abc import Iterable
from typing import Any

from firmware.shared import faults

from .case import IDLE, RUNNING, Key
from .waves import MS, PHASES, SENSING_PHASE_MS, US, WAVES

COLLECTION_US, CYCLES_US = 22_000, 9_000
INTERRUPT_US = {0: 26, 1: 48, 2: 48}  # of every sample, by Key.output: README, make bench
SIGN_UA = 1.0 + 0.54
_SENSING_US = SENSING_PHASE_MS * MS / US
_BY_SESSION = faults.name_of(faults.OVER_TIME)  # counts from the session's begin, not from the fault
_KINDS = {row[1]: row[4] for row in faults.TABLE}
# Which of two checks in one supervisor cycle finds it depends on where in that cycle it strikes.
_EITHER_CODE = ("clock-slow/quarter",)


def quantum_us(key: Key, result: dict[str, Any]) -> float:
    """By how much the times to off of a group may differ."""
    wave, latched = WAVES[key.wave], result["latched"]
    interrupt_us = wave.sample_us + 1 + (16 if key.output else 0)
    supervised_us = COLLECTION_US / (1 - INTERRUPT_US[key.output] / wave.sample_us) + CYCLES_US
    found_us = interrupt_us if _KINDS[latched] == faults.TRIP else supervised_us
    if latched == faults.name_of(faults.DC_IMBALANCE) or key.state.startswith("RAMP"):
        found_us += wave.cycle_ms * 500
    if latched == faults.name_of(faults.CHARGE_LIMIT):
        lasted_us = result["took_us"] + PHASES[key.phase] * wave.phase_ms * 1000
        found_us += lasted_us * SIGN_UA / result["mean_ua"]
    if key.state == "SENSING" or result["off_us"] is None:  # too little to be seen: first taken for a lost contact
        found_us += _SENSING_US
    return found_us


def add_problems(results: Iterable[dict[str, Any]], wanted: Iterable[Key]) -> None:
    """Compare every result with the first of its group, and write what differs into its `problems`."""
    found = {result["key"]: result for result in results if "outcome" in result}
    first: dict[tuple[str, bool], dict[str, Any]] = {}
    for key in wanted:
        result = found.get(str(key))
        if result and not key.twin.startswith(_EITHER_CODE) and (key.state == "ACTIVE" or key.wave != "slow"):
            twin = first.setdefault((key.twin, key.output > 0), result)
            result["problems"] += _differs(key, result, twin)


def _differs(key: Key, result: dict[str, Any], twin: dict[str, Any]) -> list[str]:
    latched = result["latched"]
    if key.state in RUNNING and key.state != "ACTIVE" and None in (result["off_us"], twin["off_us"]):
        return []
    if latched != twin["latched"]:
        return [f"latched {latched}, {twin['key']} latched {twin['latched']}"]
    if latched not in _KINDS or _KINDS[latched] == faults.BOOT or key.state in IDLE:
        return []
    what = "off_us" if latched == _BY_SESSION else "took_us"
    took_us, other_us = result[what], twin[what]
    if None in (took_us, other_us):
        return [] if took_us == other_us else [f"off after {took_us} us, {twin['key']} after {other_us} us"]
    if abs(took_us - other_us) > max(quantum_us(key, each) for each in (result, twin)):
        return [f"off after {took_us} us, {twin['key']} after {other_us} us"]
    return []
