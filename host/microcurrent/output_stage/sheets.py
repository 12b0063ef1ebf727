"""Where each part stands on which sheet of the drawing, and which wires are drawn. Nets are not named here.

A part with two terminals stands between two points, in the order of its pins; any other has a place, from which SHAPES
tells where its pins are. Pins and wires that meet are connected; connections.py checks that this is what circuit.py
says, and the net's name is drawn wherever a wire does not show the connection.
"""

from dataclasses import dataclass, field

Point = tuple[float, float]

# kind -> {pin: (offset, direction its label goes)}
SHAPES: dict[str, dict[str, tuple[Point, str]]] = {
    "amplifier": {
        "n": ((0, 1), "left"), "p": ((0, -1), "left"), "y": ((3, 0), "right"),
        "vdd": ((1.5, 1.2), "up"), "vss": ((1.5, -1.2), "down"),
    },
    "comparator": {"p": ((0, 1), "left"), "n": ((0, -1), "left"), "y": ((3, 0), "right"), "vcc": ((1.5, 1.2), "up")},
    "nand": {"a": ((0, 0.75), "left"), "b": ((0, -0.75), "left"), "y": ((3, 0), "right"), "vcc": ((1.2, 1.4), "up")},
    "switch": {
        "s": ((0, 0), "left"), "d": ((3, 0), "right"), "in": ((1.5, -1.2), "down"),
        "vdd": ((1, 1.2), "up"), "vss": ((2.2, 1.2), "up"),
    },
    "pole": {
        "com": ((0, 0), "left"), "nc": ((2.5, 0.75), "right"), "no": ((2.5, -0.75), "right"),
        "c1": ((0.6, -1.6), "down"), "c2": ((1.9, -1.6), "down"),
    },
    "clamp": {"mid": ((0, 0), "right"), "high": ((0, 2), "up"), "low": ((0, -2), "down")},
    "transistor": {"b": ((0, 0), "left"), "c": ((1, 1), "up"), "e": ((1, -1), "down")},
}  # fmt: skip
SHAPE_OF = {
    "amplifier_high": "amplifier", "amplifier_low": "amplifier", "switch_on": "switch", "switch_off": "switch",
}  # fmt: skip


@dataclass(frozen=True)
class Sheet:
    """One sheet. `mirrored`: amplifiers with their + input above."""

    title: str
    places: dict[str, tuple[Point, ...]]
    wires: tuple[tuple[Point, ...], ...]
    mirrored: tuple[str, ...] = ()
    notes: tuple[tuple[Point, str], ...] = field(default=())


def _channel(down: float, names: dict[str, str]) -> tuple[dict[str, tuple[Point, ...]], tuple[tuple[Point, ...], ...]]:
    """A difference amplifier with its pin's protection: sense and voltage are alike."""
    places: dict[str, tuple[Point, ...]] = {
        names["in"]: ((2, 8), (4, 8)),
        names["mid"]: ((5, 9), (5, 11)),
        names["c_mid"]: ((7.6, 9), (7.6, 11)),
        names["ground"]: ((2, 6), (4, 6)),
        names["u"]: ((9, 7),),
        names["back"]: ((9, 4), (11, 4)),
        names["c_back"]: ((9, 2.5), (11, 2.5)),
        names["pin"]: ((14, 7), (16, 7)),
        names["c_pin"]: ((17.5, 6), (17.5, 4)),
        names["clamp"]: ((20, 7),),
    }
    wires: tuple[tuple[Point, ...], ...] = (
        ((4, 8), (9, 8)), ((5, 8), (5, 9)), ((7.6, 8), (7.6, 9)), ((4, 6), (9, 6)), ((8, 6), (8, 4), (9, 4)),
        ((8, 4), (8, 2.5), (9, 2.5)), ((11, 4), (13, 4), (13, 7)), ((11, 2.5), (13, 2.5), (13, 4)), ((12, 7), (14, 7)),
        ((16, 7), (20, 7)), ((17.5, 7), (17.5, 6)),
    )  # fmt: skip
    places = {ref: tuple((x, y - down) for x, y in points) for ref, points in places.items()}
    return places, tuple(tuple((x, y - down) for x, y in wire) for wire in wires)


_SENSE = _channel(0, {
    "in": "R11", "mid": "R12", "c_mid": "C4", "ground": "R13", "u": "U3A", "back": "R14", "c_back": "C3",
    "pin": "R22", "c_pin": "C5", "clamp": "D4",
})  # fmt: skip
_VOLTAGE = _channel(11, {
    "in": "R15", "mid": "R16", "c_mid": "C7", "ground": "R17", "u": "U3B", "back": "R18", "c_back": "C6",
    "pin": "R23", "c_pin": "C8", "clamp": "D5",
})  # fmt: skip

SHEETS = (
    Sheet(
        "1 Reference and pump",
        {
            "R20": ((-2, 9), (-2, 7)), "R21": ((-2, 5), (-2, 3)), "C20": ((1, 5), (1, 3)), "U4": ((4, 5),),
            "R1": ((9, 6), (11, 6)), "R3": ((9, 4), (11, 4)), "U1": ((14, 5),), "R2": ((13.5, 8.5), (15.5, 8.5)),
            "R6": ((16, 8.5), (18, 8.5)), "C1": ((14.5, 10.2), (17, 10.2)), "R5": ((18.5, 5), (20.5, 5)),
            "R4": ((14.5, 1.5), (17, 1.5)),
        },
        (
            ((-2, 7), (-2, 5)), ((-2, 6), (4, 6)), ((1, 6), (1, 5)), ((4, 4), (4, 2), (7.5, 2), (7.5, 5)), ((7, 5),
            (8, 5)),
            ((8, 5), (8, 6), (9, 6)), ((11, 6), (14, 6)), ((11, 4), (14, 4)), ((13, 6), (13, 8.5), (13.5, 8.5)),
            ((15.5, 8.5), (16, 8.5)), ((13, 8.5), (13, 10.2), (14.5, 10.2)), ((17, 10.2), (18.2, 10.2), (18.2, 5)),
            ((18, 8.5), (18.2, 8.5)), ((17, 5), (18.5, 5)), ((13, 4), (13, 1.5), (14.5, 1.5)),
            ((17, 1.5), (21, 1.5), (21, 5)), ((20.5, 5), (21, 5)),
        ),
        ("U4",),
    ),
    Sheet(
        "2 Gate, limiter, DC block, change-over, electrodes",
        {
            "U2A": ((2, 6),), "D1": ((6, 6), (8, 6)), "D2": ((11, 6), (9, 6)), "R7": ((12, 6), (14, 6)),
            "S1": ((16, 6), (18, 6)), "C2": ((16, 8), (18, 8)), "R8": ((16, 10), (18, 10)), "K1A": ((21, 6),),
            "S2": ((25.5, 6.75), (27.5, 6.75)), "D3": ((29, 5), (29, 2.5)), "J1": ((31, 6.75), (31, 0.75)),
            "R9": ((24.5, 4), (24.5, 2)), "K1B": ((21, 0),), "R10": ((18.5, -0.5), (18.5, -2.5)),
            "U2C": ((2, 0),), "R44": ((6, 0), (8, 0)), "R19": ((5.5, 2.5), (7.5, 2.5)),
            "R45": ((9, 2.5), (11, 2.5)), "U2B": ((12, 2.5),),
        },
        (
            ((5, 6), (6, 6)), ((8, 6), (9, 6)), ((11, 6), (12, 6)), ((14, 6), (16, 6)), ((15, 6), (15, 10), (16, 10)),
            ((15, 8), (16, 8)), ((18, 6), (21, 6)), ((19, 6), (19, 10), (18, 10)), ((18, 8), (19, 8)),
            ((23.5, 6.75), (25.5, 6.75)), ((27.5, 6.75), (31, 6.75)), ((29, 6.75), (29, 5)), ((29, 2.5), (29, 0.75)),
            ((23.5, 0.75), (31, 0.75)), ((23.5, 5.25), (24.5, 5.25), (24.5, 4)), ((24.5, 2), (24.5, -0.75),
            (23.5, -0.75)),
            ((21, 0), (18.5, 0), (18.5, -0.5)), ((5, 0), (6, 0)), ((7.5, 2.5), (9, 2.5)), ((11, 2.5), (12, 2.5)),
        ),
    ),
    Sheet("3 Current sense and electrode voltage", _SENSE[0] | _VOLTAGE[0], _SENSE[1] + _VOLTAGE[1], ("U3A", "U3B")),
    Sheet(
        "4 Window comparator and latch",
        {
            "R30": ((2, 13), (2, 11)), "R31": ((2, 9.5), (2, 7.5)), "R32": ((2, 6), (2, 4)), "R33": ((5, 9.5),
            (5, 7.5)),
            "U2D": ((6.5, 5),), "U6A": ((12.5, 11),), "U6B": ((12.5, 6),), "R34": ((17, 14), (17, 12)),
            "U5A": ((20, 8),),
            "U5B": ((20, 3),), "U5C": ((26.5, 8),), "U5D": ((31.5, 8),), "R35": ((35.5, 7), (35.5, 5)),
        },
        (
            ((2, 11), (2, 9.5)), ((2, 7.5), (2, 6)), ((2, 10.2), (5, 10.2), (5, 9.5)), ((5, 7.5), (5, 5), (6.5, 5)),
            ((15.5, 11), (17, 11)), ((17, 12), (17, 6), (15.5, 6)), ((17, 8.75), (20, 8.75)), ((29.5, 8), (30.5, 8)),
            ((31.5, 8.75), (30.5, 8.75), (30.5, 7.25), (31.5, 7.25)), ((34.5, 8), (35.5, 8), (35.5, 7)),
        ),
    ),
    Sheet(
        "5 Pins of the MCU, relay, supply divider",
        {
            "R36": ((5, 11), (5, 9)), "R37": ((2, 12), (4, 12)), "R38": ((8, 12), (10, 12)), "R39": ((2, 5), (4, 5)),
            "R40": ((5.5, 4), (5.5, 2)), "D7": ((8, 5),), "R43": ((2, -2), (4, -2)), "D9": ((6, -2),),
            "R42": ((13, 5), (13, 3)), "R41": ((14, 6), (16, 6)), "Q1": ((17, 6),), "K1C": ((18, 11), (18, 9)),
            "D8": ((21, 9), (21, 11)), "R24": ((26, 12), (26, 10)), "R25": ((26, 8), (26, 6)), "R26": ((27.5, 9),
            (29.5, 9)),
            "C9": ((31, 8), (31, 6)), "D6": ((33.5, 9),),
        },
        (
            ((4, 12), (5, 12), (5, 11)), ((4, 5), (8, 5)), ((5.5, 5), (5.5, 4)), ((4, -2), (6, -2)),
            ((13, 5), (13, 6), (14, 6)), ((16, 6), (17, 6)), ((18, 9), (18, 7)), ((18, 8), (21, 8), (21, 9)),
            ((21, 11), (21, 11.7), (18, 11.7), (18, 11)), ((26, 10), (26, 8)), ((26, 9), (27.5, 9)), ((29.5, 9),
            (33.5, 9)),
            ((31, 9), (31, 8)),
        ),
    ),
)  # fmt: skip
