"""The output stage between DAC and electrodes, as boards/*/board.py describes it.

DAC -> Howland pump -> passive limiter -> gate switch -> change-over (electrodes or dummy load) -> sense resistor.
Current flows in one of the two branches behind the change-over, or in none; where none flows it is exactly zero, and
the electrodes discharge through a bleeder. The voltage divider sits between switch and change-over: it shows the branch
that is selected. Window comparators on the sense amplifier's output set a latch that opens the switch whatever the MCU
does; it is held clear while the gate pin is low.
"""

from collections.abc import Callable, Iterator

from .branch import Branch
from .faults import SOUND, StageFaults, Value
from .latch import Latch
from .parameters import StageParameters
from .pump import Pump
from .segments import Circuit, Segment
from .skin import Load
from .timeline import Timeline

RAIL_UA = 1e5  # what a pump at its rail demands: far more than compliance lets flow into a short


class Stage:
    """The running stage. Times are emulated ns and must not go backwards where something is changed.

    The past can be asked for as far back as it was not given to `forget`. The latch sets at its instant even if nobody
    asks until later; who must know in time listens to latch.on_due. on_tripped gets the latch's output when it changes.
    """

    def __init__(self, parameters: StageParameters, load: Load, code: int, power_down: int) -> None:
        self.parameters = parameters
        self.load = load
        self.switch = Timeline(False)  # whether the gate switch conducts, whatever its pin says
        self.latch = Latch(parameters)
        self.on_tripped: Callable[[bool], None] = _nobody
        self._faults = Timeline(SOUND)
        self._on_dummy = Timeline(False)
        self._pin = self._trip_test = False
        self._code = (code, power_down)
        self._pump = Pump(self._target())
        self.electrodes = Branch(self._circuit(load), self._pump)
        self.dummy = Branch(self._circuit(parameters.dummy), self._pump)
        self._driven: Branch | None = None

    # --- what moves it

    def dac(self, t_ns: float, code: int, power_down: int) -> None:
        """The DAC's register took a new value."""
        self._code = (code, power_down)
        target = self._target()
        if target == self._pump.target:
            return
        self.advance(t_ns)
        self._pump.settle(t_ns, target)
        if self._driven:
            self._driven.restart(t_ns)
            self.latch.look(t_ns, self._driven)

    def gate(self, t_ns: float, level: bool) -> None:
        """The gate pin moved."""
        if level == self._pin:
            return
        self.advance(t_ns)
        self._pin = level
        if self.latch.set:
            self._put_latch(t_ns, False)
        self._route(t_ns)

    def select(self, t_ns: float, dummy: bool) -> None:
        """The change-over's pin moved: dummy load, or electrodes."""
        self.advance(t_ns)
        self._on_dummy.put(t_ns, dummy)
        self._route(t_ns)

    def trip_test(self, t_ns: float, level: bool) -> None:
        """The pin that halves the comparators' threshold moved."""
        self.advance(t_ns)
        self._trip_test = level
        self._watch(t_ns)

    def connect(self, t_ns: float, load: Load) -> None:
        """Put the electrodes on another load; its capacity starts discharged."""
        self.advance(t_ns)
        self.load = load
        self.electrodes.rewire(t_ns, self._circuit(load), discharged=True)
        self._watch(t_ns)

    def fail(self, t_ns: float, **changes: Value) -> None:
        """Break or mend parts, by the names of StageFaults. Raises BadValueError; then nothing was changed."""
        faults = self.faults.changed(**changes)
        self.advance(t_ns)
        self._faults.put(t_ns, faults)
        target = self._target()
        if target != self._pump.target:
            self._pump.jump(t_ns, target)
        self.electrodes.rewire(t_ns, self._circuit(self.load), discharged=False)
        self.dummy.rewire(t_ns, self._circuit(self.parameters.dummy), discharged=False)
        self._route(t_ns)

    def advance(self, t_ns: float) -> None:
        """Let happen what happens by itself until `t_ns`."""
        if t_ns >= self.latch.due_ns:
            self._put_latch(self.latch.due_ns, True)
        if self._driven:
            self._driven.advance(t_ns)

    # --- what can be measured, at an instant past or present

    @property
    def faults(self) -> StageFaults:
        """The present faults."""
        return self._faults.value

    @property
    def closed(self) -> bool:
        """Whether the gate switch conducts."""
        return self.switch.value

    @property
    def on_dummy(self) -> bool:
        """Whether the dummy load is selected."""
        return self._on_dummy.value

    def current_ua(self, t_ns: float) -> float:
        """Current through the electrodes."""
        if t_ns >= self.latch.due_ns:
            self.advance(t_ns)
        return self.electrodes.current_ua(t_ns)

    def electrode_mv(self, t_ns: float) -> float:
        """Voltage between the electrodes."""
        if t_ns >= self.latch.due_ns:
            self.advance(t_ns)
        return self.electrodes.voltage_mv(t_ns)

    def sense_mv(self, t_ns: float) -> float:
        """Output of the current-sense amplifier, which sees electrodes and dummy load."""
        p, faults = self.parameters, self._faults.at(t_ns)
        if faults.sense_stuck_mv is not None:
            return faults.sense_stuck_mv
        shown_ua = self._selected(t_ns).current_ua(t_ns) * faults.sense_gain
        return p.reference_mv / 2 + shown_ua * p.sense_uv_per_ua / 1000 + faults.sense_offset_mv

    def divider_mv(self, t_ns: float) -> float:
        """Output of the voltage divider."""
        p, faults = self.parameters, self._faults.at(t_ns)
        if faults.divider_stuck_mv is not None:
            return faults.divider_stuck_mv
        return p.reference_mv / 2 + self._selected(t_ns).voltage_mv(t_ns) / p.voltage_divider

    def walk(self, from_ns: float, to_ns: float) -> Iterator[Segment]:
        """The electrodes' segments that cover an interval, in order."""
        self.advance(to_ns)
        return self.electrodes.walk(from_ns, to_ns)

    @property
    def size_bytes(self) -> int:
        """Memory that the kept past takes, about."""
        return sum(len(branch.segments) * branch.segments.itemsize for branch in (self.electrodes, self.dummy))

    def forget(self, before_ns: float) -> None:
        """Keep no more of the past than is needed from `before_ns` on, which must not be in the future."""
        for kept in (self.electrodes, self.dummy, self.switch, self._faults, self._on_dummy):
            kept.forget(before_ns)

    # --- inside

    def _selected(self, t_ns: float) -> Branch:
        if t_ns >= self.latch.due_ns:
            self.advance(t_ns)
        return self.dummy if self._on_dummy.at(t_ns) else self.electrodes

    def _target(self) -> float:
        p, faults = self.parameters, self._faults.value
        if faults.pump_rail:
            return RAIL_UA if faults.pump_rail == "up" else -RAIL_UA
        return p.gain * faults.gain * p.commanded_ua(*self._code) + p.offset_ua + faults.offset_ua

    def _circuit(self, load: Load) -> Circuit:
        return self.parameters.circuit(load, self.faults.limits_ua(self.parameters.limiter_ua))

    def _route(self, t_ns: float) -> None:
        """Send the current where gate pin, latch, change-over and faults let it flow."""
        closed = self.faults.gate_stuck or (self._pin and not self.latch.set)
        self.switch.put(t_ns, closed)
        driven = (self.dummy if self.on_dummy else self.electrodes) if closed else None
        if driven is not self._driven:
            if self._driven:
                self._driven.drive(t_ns, False)
            if driven:
                driven.drive(t_ns, True)
            self._driven = driven
        self._watch(t_ns)

    def _watch(self, t_ns: float) -> None:
        watched = self._driven if self._pin and not self.latch.set else None
        self.latch.watch(t_ns, watched, self.faults, trip_test=self._trip_test)

    def _put_latch(self, t_ns: float, is_set: bool) -> None:
        self.latch.put(is_set)
        self._route(t_ns)
        self.on_tripped(is_set)


def _nobody(tripped: bool) -> None:
    """Nobody looks at the latch."""
