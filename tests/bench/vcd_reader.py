"""A VCD reader and an I2C decoder of our own, which know nothing of how the files are written."""

from dataclasses import dataclass, field
from pathlib import Path

Changes = list[tuple[int, float]]


@dataclass
class Vcd:
    """{signal: [(t_ns, value)]} of a file, in the file's order."""

    tick_ns: int = 0
    end_ns: int = 0
    signals: dict[str, Changes] = field(default_factory=dict)


def read_vcd(path: Path) -> Vcd:
    """Read a file with wires and reals. Fails when times go backwards."""
    vcd, names, now = Vcd(), {}, 0
    header, _, body = path.read_text().partition("$enddefinitions $end\n")
    for line in header.splitlines():
        words = line.split()
        if words[0] == "$timescale":
            vcd.tick_ns = int(words[1])
        if words[0] == "$var":
            names[words[3]] = words[4]
            vcd.signals[words[4]] = []
    for line in body.splitlines():
        if line[0] == "#":
            assert int(line[1:]) * vcd.tick_ns >= now
            now = int(line[1:]) * vcd.tick_ns
        elif line[0] == "r":
            value, identifier = line[1:].split()
            vcd.signals[names[identifier]].append((now, float(value)))
        else:
            vcd.signals[names[line[1:]]].append((now, int(line[0])))
    vcd.end_ns = now
    return vcd


def decode_i2c(sda: Changes, scl: Changes) -> list[list[int]]:
    """Transfers as lists of bytes with the acknowledge in bit 8, START to STOP or repeated START."""
    edges = sorted([(t, 0, level) for t, level in sda] + [(t, 1, level) for t, level in scl])
    levels, transfers, bits = [1, 1], [], None
    for _, wire, level in edges:
        changed = levels[wire] != level
        levels[wire] = int(level)
        if not changed:
            continue
        if wire == 0 and levels[1]:  # data moves while the clock is high: START or STOP
            if bits:
                transfers.append(_bytes(bits))
            bits = [] if not level else None
        elif wire == 1 and level and bits is not None:
            bits.append(levels[0])
    return transfers


def _bytes(bits: list[int]) -> list[int]:
    bits = bits[: len(bits) // 9 * 9]  # the clock rises once more before the STOP
    nines = [bits[start : start + 9] for start in range(0, len(bits), 9)]
    return [int("".join(map(str, nine[:8])), 2) | (not nine[8]) << 8 for nine in nines]
