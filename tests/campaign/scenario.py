"""What a scenario is: how a fault is provoked, and what must follow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from firmware.shared import faults

if TYPE_CHECKING:
    from .case import Case, Key
    from .waves import Wave


def injection(case: "Case") -> float:
    """Time counts from the injection, or from the closing of the gate if that came later."""
    return case.from_ns


def long(_wave: "Wave") -> int:
    """A session that outlasts every case."""
    return 60_000


def nothing(_case: "Case") -> list[str]:
    """Nothing else is asked."""
    return []


def always(_key: "Key") -> bool:
    """Every case is run until the fault is latched."""
    return True


@dataclass(frozen=True)
class Scenario:
    """How a fault is provoked.

    inject acts at the present instant. reference: the ns from which the time to off counts. variants: further forms,
    tried in ACTIVE only; the first one everywhere. patience_ms: how long after the injection it may take to be latched.
    others: codes that may be latched instead while current flows, with the reason. at_rest: the same where the fault
    met a board at rest. unseen: states ("SELF_TEST", or "SELF_TEST late" with the phase) in which nothing need be
    latched, with the reason. latent: found after the session. runs_out: whether a case is watched until the latch; the
    others only until the harm would be done.
    clears: whether `clear` may be granted, because the cause is gone by then or shows in a session only.
    by_ramp: the stop is a ramp, and the time ends where it begins. lease_ms, duration_ms: of the session that the fault
    meets. plant: which firmware, see campaign.FIRMWARE. harmless: why nothing need be latched while no more than
    sensing level flows. leaks_ua: what may flow at rest. check: what else is wrong with a case that has run.
    signed: a fault of stage, sense or RAM, which is struck in phases of both signs. mirrored: what is injected has a
    sign itself, so that it has a mirror image at rest as well. outputs: those of a board with two at which it is
    struck; 1 alone for what belongs to the whole board, none for what only the next boot reads.
    """

    fault: int
    inject: Callable[["Case"], None]
    reference: Callable[["Case"], float] = injection
    variants: tuple[str, ...] = ("",)
    patience_ms: float = 200
    others: Mapping[int, str] = field(default_factory=dict)
    at_rest: Mapping[int, str] = field(default_factory=dict)
    unseen: Mapping[str, str] = field(default_factory=dict)
    latent: bool = False
    runs_out: Callable[["Key"], bool] = always
    clears: bool = False
    by_ramp: bool = False
    lease_ms: int = 2000
    duration_ms: Callable[["Wave"], int] = long
    plant: str = "real"
    harmless: str = ""
    leaks_ua: float = 0.0
    check: Callable[["Case"], list[str]] = nothing
    signed: bool = False
    mirrored: bool = False
    outputs: tuple[int, ...] = (1,)

    def limit_us(self, sample_us: int) -> int:
        """Longest time to off with that sample period, from the fault table."""
        return faults.off_us(self.fault, sample_us)
