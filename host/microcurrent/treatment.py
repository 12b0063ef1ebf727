"""One recorded session: from a checked waveform and an open device to a finished record and a verdict."""

import contextlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from firmware.shared import faults, protocol, waveform

from . import quantities
from .client import DeviceClient
from .connect import TWO_OUTPUTS
from .errors import BadValueError, FaultError, MicrocurrentError, PortError, RecordError, RefusedError
from .fault_text import channel_of, fault_text
from .option_words import OPTIONS, in_options
from .records import INTERRUPTED, Records
from .report import FREE
from .session import A_SIGNAL, LINK_LOST, Outcome, SessionRunner
from .share import ShareServer
from .summary import summarize

if TYPE_CHECKING:
    from .virtual import Sim

REFUSED = "refused"
OF_THE_SESSION = ("duration_ms", "ramp_ms", "sample_us")  # fields of the first channel that both go by
_GOOD_ENDS = (protocol.END_NAMES[protocol.END_DURATION], protocol.END_NAMES[protocol.END_STOPPED])


@dataclass
class Watcher:
    """How a session is shown."""

    row: Callable[[dict[str, int], dict[str, int] | None], None]  # the second is that of a second channel
    note: Callable[[str], None]


@dataclass(frozen=True)
class Treated:
    """A finished session: its record's id, how it went, its summary."""

    number: str
    outcome: Outcome
    summary: dict


def checked_wave(request: dict) -> dict:
    """The waveform with every field filled in. Raises BadValueError, in the words of the command line."""
    wave, problem = waveform.check(request)
    if wave is None:
        raise BadValueError(f"{in_options(problem or '')}; nothing was sent; choose another value")
    return wave


def checked_second(request: dict, wave: dict) -> dict:
    """The second channel's waveform in a session of `wave`, which gives time, ramp and sample period.

    Raises BadValueError, in the words of the command line.
    """
    whole = checked_wave(request | {name: wave[name] for name in OF_THE_SESSION})
    if whole["phase_deg"] != FREE:
        _require_lockable(wave, whole)
    return {name: value for name, value in whole.items() if name not in OF_THE_SESSION}


def _require_lockable(wave: dict, second: dict) -> None:
    """Raise BadValueError unless the cycles of both channels keep their place to each other."""
    at = f"--phase {quantities.show(second['phase_deg'], quantities.ANGLE)}"
    for name in ("burst_ms", "sweep_ms"):
        if wave[name] or second[name]:
            option = OPTIONS[name][0]
            raise BadValueError(
                f"{at}: channels that are locked have neither bursts nor sweeps; nothing was sent; leave {option} "
                f"away in both, or --phase"
            )
    if second["frequency_mhz"] != wave["frequency_mhz"]:
        here, there = (quantities.show(each["frequency_mhz"], quantities.FREQUENCY) for each in (second, wave))
        raise BadValueError(
            f"{at} locks it to the first channel: --frequency is {here}, the first channel's {there}; nothing was "
            f"sent; give both the same --frequency, or leave --phase away"
        )


def require_second(identity: dict) -> None:
    """Raise BadValueError when the board that said hello has one channel."""
    if identity.get("channels", 1) < 2:
        raise BadValueError(
            f"this board has one channel; nothing was sent; leave --channel2 away, or use a board with two outputs "
            f"({TWO_OUTPUTS})"
        )


def treat(
    client: DeviceClient,
    records: Records,
    wave: dict,
    watcher: Watcher,
    interrupts: Callable[[], int],
    *,
    lease_ms: int | None = None,
    sim: "Sim | None" = None,
    signal_name: Callable[[], str] = lambda: A_SIGNAL,
    wave2: dict | None = None,
) -> Treated:
    """Run `wave` and record it. Raises what keeps it from starting; what happens later is in the outcome.

    wave2: what the second channel is to play, from checked_second(); None: one channel. interrupts: the number of
    Ctrl-C so far. sim: the virtual board behind the client, for the record. signal_name: what the last interrupt was,
    for the record.
    """
    require_no_fault(client)
    record = records.begin(
        wave,
        client.identity,
        port=client.port,
        image=sim.image if sim else None,
        load=sim.load if sim else None,
        wave2=wave2,
        load2=sim.load2 if sim else None,
    )
    try:
        with ShareServer(client) as share:
            runner = SessionRunner(
                client,
                record,
                share,
                interrupts=interrupts,
                on_row=watcher.row,
                on_note=watcher.note,
                signal_name=signal_name,
            )
            outcome = _run(client, lambda: runner.run(wave, lease_ms, wave2))
    except BaseException as error:
        with contextlib.suppress(MicrocurrentError):
            client.request("stop")  # a session that may have begun must not run on without its record
        expected = isinstance(error, MicrocurrentError)
        with contextlib.suppress(RecordError):
            record.finish(REFUSED if expected else INTERRUPTED, {"error": str(error)})
        raise
    summary = summarize(wave, outcome.ended, outcome.rows, wave2, outcome.rows2)
    if outcome.stopped_by:
        summary["stopped_by"] = outcome.stopped_by
    summary["link"] = asdict(client.counters)
    try:
        record.finish(outcome.ended, summary)
    except RecordError as error:
        outcome.error = outcome.error or error
    return Treated(record.number, outcome, summary)


def _run(client: DeviceClient, run: Callable[[], Outcome]) -> Outcome:
    """Run it. When the checks before the start latch a fault, that fault is what is raised, with its reading."""
    try:
        return run()
    except FaultError:
        require_no_fault(client)
        raise


def require_no_fault(client: DeviceClient) -> None:
    """Raise FaultError with the latched fault's sentence: the device would refuse without its reading."""
    found = client.request("faults")
    if found["code"] != faults.NONE:
        channel = channel_of(found, client.identity)
        raise FaultError(fault_text(found["code"], found["reading"], found["limit"], channel))


def verdict(treated: Treated) -> MicrocurrentError | None:
    """The error that the session amounts to, None when it ended as it was meant to."""
    outcome = treated.outcome
    if outcome.ended == LINK_LOST:
        lease_ms = outcome.accepted["lease_ms"]
        return PortError(
            f"the link was lost after {treated.summary['elapsed_ms'] / 1000:.1f} s of the session; the "
            f"device stops by itself within {lease_ms} ms plus its ramp; check the cable, then run: "
            f"microcurrent status"
        )
    if outcome.error is not None:
        return outcome.error
    if outcome.fault:
        return FaultError(outcome.fault)
    if outcome.ended == protocol.END_NAMES[protocol.END_PAUSE]:
        return RefusedError(
            f"the session was paused for more than {protocol.PAUSE_MS // 60000} min and has ended; the output is off; "
            f"start another with: microcurrent run"
        )
    if outcome.ended not in _GOOD_ENDS:
        return FaultError(f"the session ended by {outcome.ended}; the output is off; see why with: microcurrent faults")
    return None
