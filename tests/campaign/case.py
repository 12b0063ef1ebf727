"""One case: a fault injected in one state at one instant, what followed, and the next attempt to treat."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from firmware.shared import protocol
from microcurrent.bench.output import Output
from microcurrent.bench.pico import VirtualPico

from .host import Host
from .measure import driven
from .plant import Plant
from .scenario import Scenario
from .waves import US, WAVES, Wave

RUNNING: tuple[str, ...] = ("SENSING", "RAMP_UP", "ACTIVE", "RAMP_DOWN")  # SENSING: the first part of RAMP_UP
IDLE: tuple[str, ...] = ("OFF", "SELF_TEST", "READY", "ARMED", "PAUSED", "FAULT")
BOOT_MS = 3000
CLEARED_IN = ("ACTIVE", "square", "mid")  # where `clear` is asked for while the cause persists
_TELLING_MS = 500
_AFTER_LATCH_MS = 5
_TREATED_MS = 600  # contact sensing, a ramp of 100 ms, and a little of full amplitude
_BRIEF_MS = 100  # how long an attempt is watched where nothing needs to be found


PLUS, MINUS = SIGNS = ("plus", "minus")


@dataclass(frozen=True)
class Key:
    """Which case: written as scenario[/variant]:state:wave:phase[:minus][:output-1].

    sign: of the phase that the fault meets, and with it of the fault itself: "minus" is the mirror image of "plus".
    output: 0 on the board with one output, 1 or 2 on the board with two: the one that is struck.
    """

    scenario: str
    variant: str
    state: str
    wave: str
    phase: str
    sign: str = PLUS
    output: int = 0

    def __str__(self) -> str:
        sign = f":{MINUS}" if self.sign == MINUS else ""
        return self.twin + sign + (f":output-{self.output}" if self.output else "")

    @property
    def twin(self) -> str:
        """What it shares with its mirror image and with the same fault at the other output."""
        variant = f"/{self.variant}" if self.variant else ""
        return f"{self.scenario}{variant}:{self.state}:{self.wave}:{self.phase}"

    @property
    def places(self) -> frozenset[str]:
        """The names under which Scenario.unseen may speak of it, beside its waveform's."""
        return frozenset((self.state, f"{self.state} {self.phase}"))

    @property
    def reached(self) -> tuple[str, str, str]:
        """What has to be reached before the fault: cases that share it are forked from one board."""
        return self.state, self.wave, self.phase


@dataclass
class Case:
    """A case on a board that stands in `key.state`. All times are emulated ns."""

    key: Key
    plant: Plant
    scenario: Scenario
    seed: int
    injected_ns: int = 0
    latched: int = 0  # code of the first fault after the injection
    refusals: list[str] = field(default_factory=list)  # of what the host asked for afterwards
    cleared: bool = False  # whether `clear` was granted, in the cases that ask for it
    notes: dict[str, float] = field(default_factory=dict)  # instants that a scenario remembers
    _heard: int = 0

    @property
    def pico(self) -> VirtualPico:
        return self.plant.pico

    @property
    def host(self) -> Host:
        return self.plant.host

    @property
    def struck(self) -> Output:
        """The output that the fault meets."""
        return self.pico.output(self.key.output or 1)

    @property
    def side(self) -> int:
        """1, or -1 for a mirror image."""
        return -1 if self.key.sign == MINUS else 1

    @property
    def wave(self) -> Wave:
        return WAVES[self.key.wave]

    @property
    def sample_us(self) -> int:
        """Time between two samples of the session that the fault meets. What is armed or paused is a square."""
        return WAVES["square" if self.key.state in ("ARMED", "PAUSED") else self.key.wave].sample_us

    @property
    def running(self) -> bool:
        """Whether the fault met a session in which current flowed."""
        return self.key.state in RUNNING

    @property
    def from_ns(self) -> float:
        """When the fault and a connected output first met: the injection, or the later closing of the gate."""
        flowed = driven(self.struck.stage)
        return next((max(a, self.injected_ns) for a, b in flowed if b > self.injected_ns), self.injected_ns)

    @property
    def off_ns(self) -> float:
        """When the last output's electrodes were disconnected from the pump, from `from_ns` on; inf: they are not."""
        return max(self.offs_ns)

    @property
    def offs_ns(self) -> list[float]:
        """The same of each output."""
        from_ns = self.from_ns
        every = [driven(output.stage) for output in self.pico.outputs]
        return [next((b for _a, b in flowed if b > from_ns), from_ns) for flowed in every]

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the host heard since the injection."""
        return self.host.events[self._heard :]

    @property
    def duration_ms(self) -> int:
        """Length of the session that the fault meets."""
        return self.scenario.duration_ms(self.wave)

    def run(self) -> None:
        """Inject, go on as a host does, and try again when the fault is latched."""
        self.pico.run_until(self.pico.now_ns + Random(f"{self.seed}:{self.key.twin}").randrange(self.sample_us * US))
        self._heard = len(self.host.events)
        self.injected_ns = self.pico.now_ns
        self.scenario.inject(self)
        if self.running:
            self._watch(self.scenario.patience_ms if self._waits else _BRIEF_MS)
        elif not self.latched:
            self._attempt()
        if self.scenario.latent and not self.latched:
            self.host.ask("stop", now=True)
            self._attempt()
        if self.latched:
            self._try_again()

    def power_cycle(self) -> None:
        """Power fails and comes back, and the board boots; the session of the host is forgotten."""
        self.plant.lose_power()
        self.host.session = 0
        self.await_boot()

    def await_boot(self) -> None:
        """Open the port again after a reset; what is latched then counts as found."""
        self.host.reopen()
        self.host.run_for_ms(BOOT_MS, lambda: bool(self.host.heard("boot")[self._boots :]))
        reply = self.host.ask("faults")
        self.latched = reply["data"]["code"] if reply else 0

    @property
    def _boots(self) -> int:
        return sum(event["ev"] == "boot" for event in self.host.events[: self._heard])

    @property
    def _waits(self) -> bool:
        return self.scenario.runs_out(self.key)

    def _watch(self, patience_ms: float) -> None:
        """Run until a fault is latched, the session has ended, or nobody waits any longer."""
        resets = self._resets()

        def over() -> bool:
            return self._found() or self.plant.state == protocol.FAULT or self._resets() > resets

        self.host.run_for_ms(patience_ms, over)
        if self.plant.state == protocol.FAULT:  # the journal is written before the host hears of it
            self.host.run_for_ms(_TELLING_MS, self._found)
        if self._resets() > resets:
            self.await_boot()
        elif self.latched:
            self.host.run_for_ms(_AFTER_LATCH_MS)

    def _found(self) -> bool:
        for event in self.events:
            if event["ev"] == "fault":
                self.latched = event["code"]
                return True
            if event["ev"] == "end":
                return True
        return False

    def _attempt(self) -> None:
        """Treat: whatever leads from the present state to a session, until something refuses."""
        if not self._idle_in_time():
            return
        request: dict[str, Any] = self.wave.request | {"ramp_ms": 100, "duration_ms": self.duration_ms}
        steps = {
            protocol.FAULT: lambda: self.host.ask("clear"),
            protocol.READY: lambda: self.host.arm(request, self.scenario.lease_ms),
            protocol.ARMED: self.host.start,
            protocol.PAUSED: lambda: self.host.ask("resume"),
        }
        if self.key.state != "FAULT" and self.plant.state == protocol.FAULT:
            self.host.run_for_ms(_TELLING_MS, self._found)  # boot or self-test has latched it; it refuses the attempt
        while self.plant.state in steps and not self.latched:
            reply = steps[self.plant.state]()
            self._found()
            if reply is None or not reply["ok"]:
                self._refused(reply)
                return
        if self.key.places & self.scenario.unseen.keys():
            self._watch(_TREATED_MS)
        else:
            self._watch(1500 + self.scenario.patience_ms if self._waits else _BRIEF_MS)

    def _idle_in_time(self) -> bool:
        """Whether boot and self-test end, as they must before anything can be asked for."""
        busy = (protocol.OFF, protocol.SELF_TEST)
        return self.plant.state not in busy or self.host.run_for_ms(BOOT_MS, lambda: self.plant.state not in busy)

    def _refused(self, reply: dict[str, Any] | None) -> None:
        self.refusals.append(reply["err"] if reply else "silence")
        if self._resets():
            self.await_boot()
        elif reply and not self.latched:
            self.latched = self.host.data("faults")["code"]

    def _resets(self) -> int:
        return sum(t_ns > self.injected_ns for t_ns, _cause in self.pico.trace.resets)

    def _try_again(self) -> None:
        """A latched fault must refuse the next session."""
        reply = self.host.arm(self.wave.request)
        self.refusals.append("none" if reply and reply["ok"] else reply["err"] if reply else "silence")
        if self.key.reached == CLEARED_IN:
            reply = self.host.ask("clear")
            self.cleared = bool(reply and reply["ok"])
