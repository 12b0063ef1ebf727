"""The signals of one output in a VCD: their names, and their changes in pieces of time."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from operator import itemgetter

import numpy as np

from .bus_edges import LONGEST_BITS, SCL, SDA, BusEdges
from .trace import LONGEST_TRANSFER_NS, Trace, cut

Change = tuple[int, str]  # (t_ns, line)
# Identifiers of one character: SDA, SCL, DAC code, commanded, delivered, electrode, switch; then those of the pins.
_IDENTIFIERS = ("!\"&'()*ABCDEFGHIJ", "abcdefghijklmnopq")


class Signals:
    """Signals of output `number`, 1 or 2; the second's have a 2 in their names. pins: which probed ones are shown."""

    def __init__(self, trace: Trace, number: int, pins: list[int], analog_step_ns: int) -> None:
        self._trace = trace
        self._mark = "" if number == 1 else "2"
        sda, scl, *reals, switch = _IDENTIFIERS[number - 1][:7]
        self._dac_id, self._commanded_id, self._delivered_id, self._electrode_id = reals
        self._bus_ids, self._switch_id = {SDA: sda, SCL: scl}, switch
        self._pin_ids = dict(zip(pins, _IDENTIFIERS[number - 1][7:], strict=False))
        self._wire_ids = {wire: sda if name == "SDA" else scl for wire, name in trace.wire_names.items()}
        self._step_ns = analog_step_ns
        self._bus = BusEdges(trace.bus)
        self.reach_ns = LONGEST_BITS * max((bit_ns for _, bit_ns in trace.bus.bit_changes), default=0)

    def declarations(self) -> str:
        """The $var lines."""
        mark, names = self._mark, self._trace.pin_names
        wires = [(self._bus_ids[SDA], f"SDA{mark}"), (self._bus_ids[SCL], f"SCL{mark}")]
        wires += [(identifier, f"{names[number]}{mark}") for number, identifier in self._pin_ids.items()]
        wires.append((self._switch_id, f"switch{mark}"))
        reals = (
            (self._dac_id, f"dac{mark}_code"),
            (self._commanded_id, f"commanded{mark}_ua"),
            (self._delivered_id, f"delivered{mark}_ua"),
            (self._electrode_id, f"electrode{mark}_mv"),
        )
        lines = [f"$var wire 1 {identifier} {name} $end\n" for identifier, name in wires]
        return "".join(lines + [f"$var real 64 {identifier} {name} $end\n" for identifier, name in reals])

    def levels(self, at_ns: int) -> list[Change]:
        """What each wire and the DAC have at an instant."""
        found = [(at_ns, f"{level}{self._bus_ids[wire]}") for wire, level in self._bus_levels(at_ns).items()]
        for number, identifier in self._pin_ids.items():
            before = [level for t_ns, level in self._trace.pin_edges(number) if t_ns <= at_ns]
            found.append((at_ns, f"{before[-1] if before else 0}{identifier}"))
        found.append((at_ns, f"{int(self._trace.stage.switch.at(at_ns))}{self._switch_id}"))
        last = max(bisect_right(self._trace.dac_ns, at_ns) - 1, 0)
        return found + self._dac_changes(last, last + 1, at_ns)

    def _bus_levels(self, at_ns: int) -> dict[int, int]:
        """{SDA: level, SCL: level} at an instant, which may be in the middle of a transfer."""
        edges = BusEdges(self._trace.bus).between(max(0, at_ns - LONGEST_TRANSFER_NS), at_ns + self.reach_ns)
        past = [(t_ns, wire, level) for t_ns, wire, level in edges if t_ns <= at_ns]
        return {SDA: 1, SCL: 1} | {wire: level for _, wire, level in sorted(past, key=itemgetter(0))}

    def bus_changes(self, from_ns: int, to_ns: int) -> list[Change]:
        """Of SDA and SCL, by events that end in [from_ns, to_ns); to be asked for one interval after the other."""
        text = {(wire, level): f"{level}{identifier}" for wire, identifier in self._bus_ids.items() for level in (0, 1)}
        return [(t_ns, text[wire, level]) for t_ns, wire, level in self._bus.between(from_ns, to_ns)]

    def changes(self, from_ns: int, to_ns: int) -> list[Change]:
        """Of everything else in [from_ns, to_ns), each signal's in order."""
        return [
            *self._wire_changes(from_ns, to_ns),
            *self._pin_changes(from_ns, to_ns),
            *self._dac_window(from_ns, to_ns),
            *self._analog_changes(from_ns, to_ns),
        ]

    def _wire_changes(self, from_ns: int, to_ns: int) -> list[Change]:
        wires = self._trace.wires
        return [(t_ns, f"{level}{self._wire_ids[number]}") for t_ns, number, level in cut(wires, from_ns, to_ns)]

    def _pin_changes(self, from_ns: int, to_ns: int) -> list[Change]:
        ids, trace = self._pin_ids, self._trace
        pins = [
            (t_ns, f"{level}{ids[number]}") for t_ns, number, level in cut(trace.pins, from_ns, to_ns) if number in ids
        ]
        return pins + [(t, f"{int(closed)}{self._switch_id}") for t, closed in trace.switch if from_ns <= t < to_ns]

    def _dac_window(self, from_ns: int, to_ns: int) -> list[Change]:
        times = self._trace.dac_ns
        return self._dac_changes(bisect_left(times, from_ns), bisect_left(times, to_ns))

    def _dac_changes(self, first: int, last: int, at_ns: int | None = None) -> list[Change]:
        trace, changes = self._trace, []
        commanded_ua: Callable[[int, int], float] = trace.stage.parameters.commanded_ua
        for t_ns, packed in zip(trace.dac_ns[first:last], trace.dac_codes[first:last], strict=True):
            at, code = t_ns if at_ns is None else at_ns, packed & 0xFFF
            changes.append((at, f"r{code} {self._dac_id}"))
            changes.append((at, f"r{commanded_ua(code, packed >> 12):.3f} {self._commanded_id}"))
        return changes

    def _analog_changes(self, from_ns: int, to_ns: int) -> list[Change]:
        step = self._step_ns
        first = -(-from_ns // step) * step
        if first >= to_ns:
            return []
        instants = range(first, to_ns, step)
        delivered, electrode = self._trace.analog(np.array(instants, dtype=np.float64))
        changes: list[Change] = []
        for t_ns, ua, mv in zip(instants, delivered.tolist(), electrode.tolist(), strict=True):
            changes.append((t_ns, f"r{ua:.3f} {self._delivered_id}"))
            changes.append((t_ns, f"r{mv:.2f} {self._electrode_id}"))
        return changes
