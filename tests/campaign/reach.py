"""How a board gets into each state: generators that yield each phase's name where the board stands in it."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from firmware.shared import protocol

from .plant import ZERO_CODE, Plant
from .ram import Words
from .waves import MS, PHASES, SENSING_PHASE_MS, Wave

_REST_MS = {"early": 5, "mid": 300, "late": 900}  # after entering a state that lasts until somebody asks


def reach(plant: Plant, state: str, wave: Wave, lease_ms: int, duration_ms: int, sign: int = 1) -> Iterator[str]:
    """Bring a booted board into a state, early, in the middle and late in a phase of this sign, or in the state."""
    request = wave.request | {"duration_ms": duration_ms}
    if state in _RESTS:
        _RESTS[state](plant, request, lease_ms)
        yield from _rest(plant)
        return
    _start(plant, request, lease_ms)
    _SESSIONS[state](plant, wave, sign)
    yield from _phase(plant, SENSING_PHASE_MS if state == "SENSING" else wave.phase_ms, sign, turned=state == "ACTIVE")


def boot_times(plant: Plant) -> tuple[int, int]:
    """When the self-test of a boot begins and ends."""
    plant.boot()
    _off, self_test, ready = (t for t, _state in plant.states[:3])
    return self_test, ready


def boot(plant: Plant, self_test_ns: int, ready_ns: int) -> Iterator[tuple[str, str]]:
    """(state, phase) along a boot from power-on, given when the self-test begins and ends."""
    for state, begin, end in (("OFF", 0, self_test_ns), ("SELF_TEST", self_test_ns, ready_ns)):
        for phase, share in PHASES.items():
            plant.host.run_until(begin + share * (end - begin))
            yield state, phase
    plant.boot()
    for phase in _rest(plant):
        yield "READY", phase


def _rest(plant: Plant) -> Iterator[str]:
    begin = plant.pico.now_ns
    for phase, ms in _REST_MS.items():
        plant.host.run_until(begin + ms * MS)
        yield phase


def _phase(plant: Plant, phase_ms: float, sign: int, *, turned: bool) -> Iterator[str]:
    """Wait for the next phase of this sign to begin, then stand in it. turned: the phase before had the other sign."""
    codes = plant.pico.trace.dac_codes
    plant.wait(lambda: _begins(codes, sign) and (not turned or _turns(codes, sign)), 2500)
    begin = plant.pico.now_ns
    for phase, share in PHASES.items():
        plant.host.run_until(begin + share * phase_ms * MS)
        yield phase


def _arm(plant: Plant, request: dict, lease_ms: int) -> None:
    reply = plant.host.arm(request, lease_ms)
    assert reply is not None and reply["ok"], reply


def _start(plant: Plant, request: dict, lease_ms: int) -> None:
    _arm(plant, request, lease_ms)
    reply = plant.host.start()
    assert reply is not None and reply["ok"], reply


def _begins(codes: Sequence[int], sign: int) -> bool:
    return sign * (codes[-1] - ZERO_CODE) > 0 >= sign * (codes[-2] - ZERO_CODE)


def _turns(codes: Sequence[int], sign: int) -> bool:
    before = next(code for code in islice(reversed(codes), 1, None) if code != ZERO_CODE)
    return sign * (before - ZERO_CODE) < 0


def _sensing(plant: Plant, _wave: Wave, _sign: int) -> None:
    plant.wait(lambda: plant.pico.gate == 1, 500)
    plant.host.run_for_ms(100)


def _ramp_up(plant: Plant, wave: Wave, _sign: int) -> None:
    words = Words(plant.pico)
    _until(plant, lambda: plant.pico.gate == 1 and not words["_SENSING"])
    plant.host.run_for_ms(wave.ramp_ms * 0.35)


def _active(plant: Plant, wave: Wave, sign: int) -> None:
    _ramp_up(plant, wave, sign)
    _until(plant, lambda: plant.state == protocol.ACTIVE)
    plant.host.run_for_ms(50)


def _ramp_down(plant: Plant, wave: Wave, sign: int) -> None:
    """Stopped behind the last phase of the other sign, so that the one wanted begins early in the ramp."""
    _active(plant, wave, sign)
    for _ in _phase(plant, wave.phase_ms, -sign, turned=True):
        pass
    plant.host.run_for_ms((wave.phases_per_sign - 1) * wave.cycle_ms)
    plant.host.data("stop")
    _until(plant, lambda: plant.state == protocol.RAMP_DOWN)


def _until(plant: Plant, holds: Callable[[], bool]) -> None:
    found = plant.host.run_for_ms(3000, holds)
    assert found, (protocol.STATE_NAMES[plant.state], plant.host.heard("fault")[-1:])


def _ready(_plant: Plant, _request: dict, _lease_ms: int) -> None:
    """That is where it stands."""


def _paused(plant: Plant, request: dict, lease_ms: int) -> None:
    """Paused in mid-treatment."""
    _start(plant, request | {"ramp_ms": 100}, lease_ms)
    _until(plant, lambda: plant.state == protocol.ACTIVE)
    plant.host.data("pause")
    _until(plant, lambda: plant.state == protocol.PAUSED)


def _fault(plant: Plant, _request: dict, _lease_ms: int) -> None:
    """The emergency stop was opened and is closed again: latched, with its cause gone."""
    pico = plant.pico
    pico.drive_pin(pico.board.ESTOP_PIN, 1)
    _until(plant, lambda: plant.state == protocol.FAULT)
    pico.drive_pin(pico.board.ESTOP_PIN, 0)
    plant.host.run_for_ms(300)


_RESTS = {"READY": _ready, "ARMED": _arm, "PAUSED": _paused, "FAULT": _fault}
_SESSIONS = {"SENSING": _sensing, "RAMP_UP": _ramp_up, "ACTIVE": _active, "RAMP_DOWN": _ramp_down}
