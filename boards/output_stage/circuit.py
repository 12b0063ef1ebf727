"""The output stage as data: netlist, drawing, parts list, wiring list and page come from it. Imports nothing.

PARTS: reference -> part. A part has `kind` (what host/microcurrent/output_stage/devices.py makes of it in SPICE),
`pins` {terminal: net}, `value` in ohm, farad or as text, `tol` in percent, `mpn` (manufacturer's number), `alt` (what
may replace it), `seen` (where the number was read; empty: from memory, "unverified"), `does` (why it is there) and
`package` where several units share one chip. Net "0" is ground, common to stage and MCU. Positive current flows out of
terminal 1 of J1 (net ea).
"""

YAGEO = "RC0805FR-07%sL"  # thick film, 1 %
THIN = "RT0805BRD07%sL"  # thin film, 0.1 %, 25 ppm/K
ADG = "data sheet ADG5412F/ADG5413F rev. 0, first page: off without supplies, 3 V logic, +-5..+-22 V, 10 ohm"
ADA = "data sheet ADA4522-1/-2/-4 rev. F, first page: 5 uV, 55 V, output to both rails, input to the lower rail"
OPA = "data sheet OPA192, first page: 5 uV typical, 36 V, 10 MHz, 20 V/us, input and output to both rails"
MCP = "data sheet DS21685D, section 1 and first page: 0.5 mV, 10 MHz, rail to rail, 2.5 to 5.5 V, DIP"
CRD_SEEN = "Motorola data sheet 1N5283 series, table: 0.820 mA, 0.738 to 0.902 mA, 1.25 V at most at 80 %"


def resistor(one, other, ohm, text, does, tol=1.0):
    """A resistor between nets `one` and `other`; `text`: its value as on the order."""
    number = (THIN if tol < 1 else YAGEO) % text
    alt = "any thin film, 0.1 %, 25 ppm/K" if tol < 1 else "any metal film, 1 %, 1/8 W"
    return {
        "kind": "resistor", "pins": {"1": one, "2": other}, "value": ohm, "tol": tol, "mpn": number, "alt": alt,
        "seen": "", "does": does,
    }  # fmt: skip


def capacitor(one, other, farad, mpn, does, alt="C0G below 1 nF, X7R above, 50 V"):
    """A capacitor between two nets."""
    return {
        "kind": "capacitor", "pins": {"1": one, "2": other}, "value": farad, "tol": 10.0, "mpn": mpn, "alt": alt,
        "seen": "", "does": does,
    }  # fmt: skip


def clamp(net, does):
    """Two Schottky diodes in one housing, from a pin's net to ground and to 3.3 V."""
    return {
        "kind": "clamp", "pins": {"low": "0", "high": "v33", "mid": net}, "value": "BAT54S", "tol": 0, "mpn": "BAT54S",
        "alt": "two BAT85", "seen": "", "does": does,
    }  # fmt: skip


def switch(control, one, other, kind, does):
    """One switch of the ADG5413F: `switch_on` conducts at logic 1, `switch_off` at logic 0; both open without power."""
    return {
        "kind": kind, "package": "U2", "pins": {"in": control, "s": one, "d": other, "vdd": "vp", "vss": "vn"},
        "value": "ADG5413F", "tol": 0, "mpn": "ADG5413FBRUZ", "alt": "ADG5413BFBRUZ", "seen": ADG, "does": does,
    }  # fmt: skip


def nand(one, other, out, does):
    """One gate of the 74HC00."""
    return {
        "kind": "nand", "package": "U5", "pins": {"a": one, "b": other, "y": out, "vcc": "v33"}, "value": "74HC00",
        "tol": 0, "mpn": "SN74HC00N", "alt": "any 74HC00 or 74AHC00", "seen": "", "does": does,
    }  # fmt: skip


def comparator(plus, minus, does):
    """One comparator of the LM393; its open collector pulls `tripn` low while `plus` is below `minus`."""
    return {
        "kind": "comparator", "package": "U6", "pins": {"p": plus, "n": minus, "y": "tripn", "vcc": "vp"},
        "value": "LM393", "tol": 0, "mpn": "LM393P", "alt": "LM293, LM2903, TLV1702", "seen": "", "does": does,
    }  # fmt: skip


def low_amplifier(package, plus, minus, out, does):
    """A rail-to-rail op-amp on 3.3 V: whatever fails behind it, it cannot hurt the ADC."""
    number = "MCP6022-I/P" if package == "U3" else "MCP6021-I/P"
    return {
        "kind": "amplifier_low", "package": package, "value": number[:7],
        "pins": {"p": plus, "n": minus, "y": out, "vdd": "v33", "vss": "0"}, "tol": 0, "mpn": number,
        "alt": "MCP6292, OPA2350 (3.3 V, rail to rail, > 5 MHz)",
        "seen": MCP, "does": does,
    }  # fmt: skip


def limiter(anode, cathode, does):
    """A current-regulator diode."""
    return {
        "kind": "regulator_diode", "pins": {"a": anode, "k": cathode}, "value": 820e-6, "tol": 10.0, "mpn": "1N5295",
        "alt": "1N5295UR-1; J511-class diodes selected to 740..900 uA at 5 V", "seen": CRD_SEEN, "does": does,
    }  # fmt: skip


PARTS = {
    # --- reference: half of the DAC's own supply, so that code 2048 is zero whatever 3.3 V really is
    "R20": resistor("v33", "vmid", 10e3, "10K", "upper half of the mid-rail divider", 0.1),
    "R21": resistor("vmid", "0", 10e3, "10K", "lower half of the mid-rail divider", 0.1),
    "C20": capacitor("vmid", "0", 100e-9, "C320C104K5R5TA", "keeps noise of the 3.3 V off the reference"),
    "U4": low_amplifier("U4", "vmid", "vm", "vm", "buffers mid rail"),
    # --- pump: improved Howland, 1/1650 A per V with only a fifth of that drop in series with the load
    "R1": resistor("vm", "inm", 100e3, "100K", "reference input of the pump", 0.1),
    "R2": resistor("inm", "fb", 20e3, "20K", "feedback of the pump", 0.1),
    "R6": resistor("fb", "out", 336, "336R", "makes the feedback match R4 + R5: output resistance", 0.1),
    "R3": resistor("vdac", "inp", 100e3, "100K", "signal input of the pump; keeps rail faults off the DAC", 0.1),
    "R4": resistor("inp", "f", 20e3, "20K", "sees the load's side of R5", 0.1),
    "R5": resistor("out", "f", 336, "336R", "sets the current", 0.1),
    "C1": capacitor("inm", "out", 4.7e-12, "C315C479D2G5TA", "stability into cables"),
    "U1": {
        "kind": "amplifier_high", "pins": {"p": "inp", "n": "inm", "y": "out", "vdd": "vp", "vss": "vn"},
        "value": "OPA192", "tol": 0, "mpn": "OPA192ID", "alt": "ADA4522-1ARZ (slower: see settling), OPA197ID",
        "seen": OPA, "does": "drives the pump",
    },
    # --- gate, limiter, series resistance
    "U2A": switch("en", "f", "g", "switch_on", "the gate"),
    # while the gate is open the pump works into R44: into nothing it would drift to a rail, and the first microseconds
    # after closing would be the limiter's current instead of the one asked for
    "U2C": switch("en", "f", "pk", "switch_off", "gives the pump a load while the gate is open"),
    "R44": resistor("pk", "0", 2.2e3, "2K2",
    "that load: less than any load with R7 and R10, so closing never overshoots"),
    "D1": limiter("g", "c", "limits positive current"),
    "D2": limiter("l", "c", "limits negative current"),
    "R7": resistor("l", "m", 2.2e3, "2K2", "series: limits what capacities can deliver, stabilises", 1.0),
    # --- DC block, bypassed by its switch until someone moves it
    "C2": capacitor("m", "p", 10e-6, "MKS2B051001N00KSSD", "DC block", "10 uF film, 50 V or more, or two in parallel"),
    "R8": resistor("m", "p", 1e6, "1M", "discharges the DC block", 1.0),
    "S1": {
        "kind": "contact", "pins": {"1": "m", "2": "p"}, "value": "closed", "tol": 0, "mpn": "EG1218",
        "alt": "any slide switch or jumper", "seen": "", "does": "bypass of the DC block: closed as delivered",
    },
    # --- change-over and dummy load
    "K1A": {
        "kind": "pole", "package": "K1", "pins": {"com": "p", "nc": "ep", "no": "dum", "c1": "v5", "c2": "col"},
        "value": "5 V relay", "tol": 0, "mpn": "TQ2-5V", "alt": "G6K-2P-Y 5VDC, IM03", "seen": "",
        "does": "change-over, output side: electrodes without power",
    },
    "K1B": {
        "kind": "pole", "package": "K1", "pins": {"com": "rc", "nc": "em", "no": "dumr", "c1": "v5", "c2": "col"},
        "value": "5 V relay", "tol": 0, "mpn": "TQ2-5V", "alt": "G6K-2P-Y 5VDC, IM03", "seen": "",
        "does": "change-over, return side",
    },
    "K1C": {
        "kind": "coil", "package": "K1", "pins": {"1": "v5", "2": "col"}, "value": 178.0, "tol": 10.0, "mpn": "TQ2-5V",
        "alt": "G6K-2P-Y 5VDC, IM03", "seen": "", "does": "coil of the change-over",
    },
    "R9": resistor("dum", "dumr", 4.7e3, "4K7", "dummy load", 0.1),
    "Q1": {
        "kind": "transistor", "pins": {"c": "col", "b": "base", "e": "0"}, "value": "2N3904", "tol": 0,
        "mpn": "2N3904BU", "alt": "BC547B, MMBT3904", "seen": "", "does": "drives the coil",
    },
    "D8": {
        "kind": "diode", "pins": {"a": "col", "k": "v5"}, "value": "1N4148", "tol": 0, "mpn": "1N4148", "alt": "1N4001",
        "seen": "", "does": "lets the coil's current die away",
    },
    "R41": resistor("dummy_pin", "base", 2.2e3, "2K2", "base current; keeps the coil's faults off the pin"),
    "R42": resistor("dummy_pin", "0", 10e3, "10K", "electrodes while the MCU resets"),
    # --- electrodes
    "S2": {
        "kind": "contact", "pins": {"1": "ep", "2": "ea"}, "value": "closed", "tol": 0, "mpn": "XB4BS8442",
        "alt": "any latching emergency stop with two normally-closed contacts", "seen": "",
        "does": "emergency stop, second contact: breaks the electrode's lead itself (the first one goes to ESTOP_PIN)",
    },
    "D3": {
        "kind": "suppressor", "pins": {"1": "ea", "2": "em"}, "value": 24.0, "tol": 0, "mpn": "PESD24VL1BA",
        "alt": "SMBJ24CA (200 pF: settles slower)", "seen": "",
        "does": "static charge of who touches: across the electrodes, never to a rail",
    },
    "J1": {
        "kind": "electrodes", "pins": {"1": "ea", "2": "em"}, "value": "2 x 2 mm socket, touch-proof", "tol": 0,
        "mpn": "DIN 42802 pair", "alt": "any touch-proof 1.5 or 2 mm lead socket (never a mains-like plug)", "seen": "",
        "does": "electrodes",
    },
    # --- sense: 1 k in the return, 1.5 around mid rail
    "R10": resistor("rc", "0", 1e3, "1K", "current sense", 0.1),
    "R11": resistor("rc", "snp", 499e3, "499K", "sense amplifier, signal", 0.1),
    "R12": resistor("snp", "vm", 750e3, "750K", "sense amplifier, shift to mid rail", 0.1),
    "R13": resistor("0", "snm", 499e3, "499K", "sense amplifier, ground", 0.1),
    "R14": resistor("snm", "sout", 750e3, "750K", "sense amplifier, feedback", 0.1),
    "C3": capacitor("snm", "sout", 4.7e-12, "C315C479D2G5TA", "stability of the sense amplifier"),
    "C4": capacitor("snp", "vm", 4.7e-12, "C315C479D2G5TA", "the same on the other side"),
    "U3A": low_amplifier("U3", "snp", "snm", "sout", "sense amplifier"),
    "R22": resistor("sout", "sense", 1e3, "1K", "SENSE_PIN: keeps a fault's current small"),
    "C5": capacitor("sense", "0", 1e-9, "C315C102J1G5TA", "feeds the ADC's sampling"),
    "D4": clamp("sense", "SENSE_PIN between ground and 3.3 V"),
    # --- electrode voltage: one eighth around mid rail
    "R15": resistor("p", "vdp", 10e6, "10M", "voltage divider; 10 M bound what a fault of U3 can send into a person"),
    "R16": resistor("vdp", "vm", 1.24e6, "1M24", "voltage divider, shift to mid rail"),
    "R17": resistor("rc", "vdm", 10e6, "10M", "voltage divider, return side"),
    "R18": resistor("vdm", "vout", 1.24e6, "1M24", "voltage divider, feedback"),
    "C6": capacitor("vdm", "vout", 10e-12, "C315C100J2G5TA", "stability"),
    "C7": capacitor("vdp", "vm", 10e-12, "C315C100J2G5TA", "the same on the other side"),
    "U3B": low_amplifier("U3", "vdp", "vdm", "vout", "voltage amplifier"),
    "R23": resistor("vout", "volt", 1e3, "1K", "VOLTAGE_PIN: keeps a fault's current small"),
    "C8": capacitor("volt", "0", 1e-9, "C315C102J1G5TA", "feeds the ADC's sampling"),
    "D5": clamp("volt", "VOLTAGE_PIN between ground and 3.3 V"),
    # --- supply
    "R24": resistor("vp", "supd", 40.2e3, "40K2", "supply divider"),
    "R25": resistor("supd", "0", 10e3, "10K", "supply divider"),
    "R26": resistor("supd", "sup", 10e3, "10K", "SUPPLY_PIN: keeps 12 V off the pin when R24 is bridged"),
    "C9": capacitor("sup", "0", 100e-9, "C320C104K5R5TA", "feeds the ADC's sampling"),
    "D6": clamp("sup", "SUPPLY_PIN between ground and 3.3 V"),
    # --- bleeder: only while the gate is open
    # two, because one alone, bridged and unnoticed, would leave nothing between a rail at U2B and a person
    "R19": resistor("p", "bm", 499e3, "499K", "discharges the electrodes; bounds what a fault of U2 can send"),
    "R45": resistor("bm", "bl", 499e3, "499K", "the same once more: R19 may be bridged"),
    "U2B": switch("en", "bl", "0", "switch_off", "connects the bleeder while the gate is open"),
    # --- window comparator
    "R30": resistor("v33", "thh", 10e3, "10K", "threshold ladder", 0.1),
    "R31": resistor("thh", "thl", 127e3, "127K", "threshold ladder: +-950 uA", 0.1),
    "R32": resistor("thl", "0", 10e3, "10K", "threshold ladder", 0.1),
    "R33": resistor("thh", "tts", 17.4e3, "17K4", "halves the threshold while TRIP_TEST_PIN is high", 0.1),
    "U2D": switch("tt", "tts", "thl", "switch_on", "halves the threshold"),
    "U6A": comparator("thh", "sout", "too much positive current"),
    "U6B": comparator("sout", "thl", "too much negative current"),
    "R34": resistor("v33", "tripn", 10e3, "10K", "pull-up of the comparators"),
    # --- latch: set by tripn low, cleared by the gate pin low; en = gate and not tripped
    "U5A": nand("tripn", "qn", "q", "latch"),
    "U5B": nand("gate", "q", "qn", "latch"),
    "U5C": nand("gate", "qn", "enn", "gate and not tripped"),
    "U5D": nand("enn", "enn", "en", "control of the gate switch"),
    "R35": resistor("en", "0", 10e3, "10K", "gate open while 3.3 V is missing"),
    "R36": resistor("gate", "0", 10e3, "10K", "gate open while the MCU resets, or with R37 open"),
    "R37": resistor("gate_pin", "gate", 1e3, "1K", "GATE_PIN: keeps a fault of U5 off the pin"),
    "R38": resistor("q", "tripped_pin", 1e3, "1K", "TRIPPED_PIN: the same"),
    "R39": resistor("trip_pin", "tt", 1e3, "1K", "TRIP_TEST_PIN: the same for U2, which has 12 V"),
    "R40": resistor("tt", "0", 10e3, "10K", "whole threshold while the MCU resets"),
    "D7": clamp("tt", "TRIP_TEST_PIN between ground and 3.3 V"),
    "R43": resistor("estop", "estop_pin", 1e3, "1K", "ESTOP_PIN: the first contact's lead leaves the case"),
    "D9": clamp("estop_pin", "ESTOP_PIN between ground and 3.3 V"),
}  # fmt: skip

# MCU pins of boards/*/board.py -> net of the stage. SDA and SCL go to the MCP4725, whose output is net vdac.
PINS = {
    "GATE_PIN": "gate_pin", "DUMMY_PIN": "dummy_pin", "TRIP_TEST_PIN": "trip_pin", "TRIPPED_PIN": "tripped_pin",
    "SENSE_PIN": "sense", "VOLTAGE_PIN": "volt", "SUPPLY_PIN": "sup", "ESTOP_PIN": "estop_pin",
}  # fmt: skip

# What differs per supply. rails_v: nominal, each side; span_v: lowest and highest that are permitted; changes: parts
# with other values; board: constants that a builder puts into board.py in place of the default's (empty: as it is).
VARIANTS = {
    "iso12": {
        "title": "isolated +-15 V, regulated to +-12 V (default: fits board.py as it is)",
        "rails_v": 12.0,
        "span_v": (11.5, 12.5),
        "changes": {},
        "board": {},
        "supply": (
            # TMA 0515D read in Traco's data sheet of 2020-08-14: +-15 V, 34 mA each, 1 kV
            ("PS1", "isolated DC/DC 5 V to +-15 V, 1 W or more", "TMA 0515D", "IA0515D, MAU215"),
            ("U7", "+12 V regulator, 4 %", "L78L12ACZ", "any 78L12"),
            ("U8", "-12 V regulator, 4 %", "L79L12ACZ", "any 79L12"),
            ("U9", "3.3 V for DAC, reference and logic: the Pico's own 3V3", "-", "MCP1700-3302E/TO from 5 V"),
        ),
    },
    "iso21": {
        "title": "isolated +-30 V, regulated to +-21.6 V: 600 uA into 30 kohm",
        "rails_v": 21.6,
        "span_v": (21.4, 21.9),
        "changes": {
            "U1": {"value": "ADA4522-1", "mpn": "ADA4522-1ARZ", "alt": "none known with 43 V and both rails",
            "seen": ADA},
            "R7": {"value": 1.0e3, "mpn": YAGEO % "1K"},
            "R24": {"value": 90.9e3, "mpn": YAGEO % "90K9"},
            "R18": {"value": 620e3, "mpn": YAGEO % "620K"},
            "R16": {"value": 620e3, "mpn": YAGEO % "620K"},
            "C6": {"value": 22e-12, "mpn": "C315C220J1G5TA"},
            "C7": {"value": 22e-12, "mpn": "C315C220J1G5TA"},
            "C2": {"value": 10e-6, "mpn": "MKS4C051006F00KSSD", "alt": "10 uF film, 63 V or more"},
        },
        "board": {
            "COMPLIANCE_MV": 19300, "SERIES_OHM": 2000, "VOLTAGE_DIVIDER": 16, "SUPPLY_DIVIDER": 10,
            "SUPPLY_MIN_MV": 21000, "SUPPLY_MAX_MV": 22000,
        },
        "supply": (
            ("PS1", "two isolated DC/DC, 30 V each across +-15 V", "TMA 0515D, 2 x", "IA0524D (+-24 V in one)"),
            ("U7", "+21.6 V, adjusted by trimmer to 1 %", "LM317LZ", "any LM317"),
            ("U8", "-21.6 V, adjusted by trimmer to 1 %", "LM337LZ", "any LM337"),
            ("U9", "3.3 V for DAC, reference and logic: the Pico's own 3V3", "-", "MCP1700-3302E/TO from 5 V"),
        ),
    },
    "battery9": {
        "title": "two 9 V batteries, no mains anywhere",
        "rails_v": 9.0,
        "span_v": (7.5, 9.6),
        "changes": {},
        "board": {"COMPLIANCE_MV": 5500, "SUPPLY_MIN_MV": 7500, "SUPPLY_MAX_MV": 10000},
        "supply": (
            ("BT1", "9 V block, positive rail", "6LR61", "6F22, NiMH 8.4 V"),
            ("BT2", "9 V block, negative rail", "6LR61", "6F22, NiMH 8.4 V"),
            ("BT3", "three AA cells on VSYS of the Pico, and 5 V by a boost converter", "LR6, 3 x", "LiPo cell"),
            ("U9", "3.3 V for DAC, reference and logic: the Pico's own 3V3", "-", "MCP1700-3302E/TO"),
        ),
    },
}  # fmt: skip

SUPPLY_SEEN = {
    "TMA 0515D": "Traco data sheet of 2020-08-14: +-15 V, 34 mA each, 1 kV",
    "TMA 0515D, 2 x": "Traco data sheet of 2020-08-14: 34 mA, 1 kV; the middle pin stays open",
}

# Legs of the chips, for wiring by hand: (reference, terminal) -> leg. ADG5413F: TSSOP-16, from the data sheet of the
# ADG5413, which has the same legs but for the flag on leg 12; OPA192 SO-8 and MCP6021/6022 from their data sheets;
# LM393 and 74HC00 from memory, unverified.
LEGS = {
    (unit, terminal): leg
    for unit, legs in {
        "U1": {"p": "3", "n": "2", "y": "6", "vdd": "7", "vss": "4"},
        "U2A": {"in": "1 (IN1)", "d": "2 (D1)", "s": "3 (S1)", "vss": "4", "vdd": "13"},
        "U2B": {"in": "16 (IN2)", "d": "15 (D2)", "s": "14 (S2)", "vss": "4", "vdd": "13"},
        "U2C": {"in": "9 (IN3)", "d": "10 (D3)", "s": "11 (S3)", "vss": "4", "vdd": "13"},
        "U2D": {"in": "8 (IN4)", "d": "7 (D4)", "s": "6 (S4)", "vss": "4", "vdd": "13"},
        "U3A": {"p": "3", "n": "2", "y": "1", "vdd": "8", "vss": "4"},
        "U3B": {"p": "5", "n": "6", "y": "7", "vdd": "8", "vss": "4"},
        "U4": {"p": "3", "n": "2", "y": "6", "vdd": "7", "vss": "4"},
        "U5A": {"a": "1", "b": "2", "y": "3", "vcc": "14"},
        "U5B": {"a": "4", "b": "5", "y": "6", "vcc": "14"},
        "U5C": {"a": "9", "b": "10", "y": "8", "vcc": "14"},
        "U5D": {"a": "12", "b": "13", "y": "11", "vcc": "14"},
        "U6A": {"p": "3", "n": "2", "y": "1", "vcc": "8"},
        "U6B": {"p": "5", "n": "6", "y": "7", "vcc": "8"},
    }.items()
    for terminal, leg in legs.items()
}
