"""One scenario per fault of the table, by the name that the table gives it: what is injected, and what must follow."""

from collections.abc import Mapping

from firmware.shared import faults

from . import contact, inject_bus, inject_chip, inject_flash, inject_stage, references
from .case import IDLE, Key
from .scenario import Scenario
from .waves import Wave

EACH = (1, 2)
BOOTING = ("OFF", "SELF_TEST")
SELF_TEST = {faults.SELFTEST_FAILED: "the self-test before the session finds it"}
READ_BACK = SELF_TEST | {faults.DAC_READBACK: "written codes are read back before the gate closes"}
NO_SAMPLES = dict.fromkeys(IDLE, "no sample interrupt runs there; the next session sets timer and engine up anew")
ENDS_FIRST = {"RAMP_DOWN": "the ramp ends before it can be told"}
LIFTED = {"RAMP_DOWN": "lost current ends the ramp down at once"}
NEAR_ZERO = "a DAC stuck within the sensing level of zero looks like a lifted electrode; no more than that level flows"


# A DAC that stands still at a code too small for the interrupt to tell from the command.
SMALL_CODE = {
    faults.DC_IMBALANCE: "a code that the interrupt tolerates is a mean current",
    faults.CHARGE_LIMIT: "a code that stands still moves too much charge in a phase",
    faults.COMPLIANCE_LOST: "no phase gets near its charge",
}
KEEPS_CODE = {faults.OUTPUT_ASTRAY: "the DAC keeps its code while the command changes its sign"}


def _short(wave: Wave) -> int:
    """A session just long enough to meet a fault in each of its parts, in a phase of either sign."""
    return 2 * wave.ramp_ms + 900 + 2 * wave.alternate_ms


def _once_at_rest(key: Key) -> bool:
    """At rest its late end is awaited once per state: what leads to it is the same session."""
    return key.state not in IDLE or key.phase == "mid"


def _ten_seconds(key: Key) -> bool:
    """Ten seconds of contact sensing are all alike: they are awaited with one waveform per state."""
    awaited = (("SENSING", "square"), ("RAMP_UP", "sine"), ("ACTIVE", "slow"), ("READY", "sine"))
    return (key.state, key.wave) in awaited and key.variant != "bounce"


SCENARIOS: Mapping[str, Scenario] = {
    "pump-at-rail": Scenario(
        faults.OVER_CURRENT, inject_stage.pump_at_rail, references.over_window,
        variants=("along", "against", "2k"), at_rest=SELF_TEST,
        signed=True, mirrored=True, outputs=EACH,
    ),
    "dac-absent": Scenario(
        faults.DAC_NO_ACK, inject_bus.dac_absent, at_rest=SELF_TEST, others=KEEPS_CODE,
        outputs=EACH,
    ),
    "dac-eeprom": Scenario(faults.DAC_EEPROM_UNSAFE, inject_bus.dac_eeprom, outputs=EACH),
    "dac-stuck": Scenario(
        faults.OUTPUT_ASTRAY, inject_bus.dac_stuck, references.astray,
        others=SMALL_CODE, patience_ms=5500, at_rest=READ_BACK, harmless=NEAR_ZERO, unseen=ENDS_FIRST,
        signed=True, outputs=EACH,
    ),
    "interrupt-late": Scenario(
        faults.SAMPLE_INTERRUPT_LATE, inject_chip.interrupt_late, at_rest=SELF_TEST, unseen=NO_SAMPLES,
        clears=True,
    ),
    "interrupt-dead": Scenario(
        faults.SAMPLE_INTERRUPT_STOPPED, inject_chip.interrupt_dead, at_rest=SELF_TEST, unseen=NO_SAMPLES,
        clears=True,
    ),
    "main-loop-hung": Scenario(
        faults.SUPERVISOR_LATE, inject_chip.main_loop_hung, variants=("150 ms", "for ever"), patience_ms=700,
        others={faults.WATCHDOG_RESET: "the interrupt opens the gate, the watchdog resets before anybody can be told"},
        unseen=dict.fromkeys(IDLE, "nothing flows there, and the main loop goes on after 150 ms"),
        at_rest={faults.SELFTEST_FAILED: "a test that stands still for 150 ms does not pass"},
        clears=True,
    ),
    "host-silent": Scenario(
        faults.LEASE_LOST, inject_stage.host_silent, references.last_renewal,
        lease_ms=500, patience_ms=2500, by_ramp=True, unseen=ENDS_FIRST,
        clears=True,
    ),
    "estop-open": Scenario(faults.ESTOP, inject_stage.estop_open, variants=("open", "wire")),
    "settings-corrupt": Scenario(faults.SETTINGS_CORRUPT, inject_flash.settings_corrupt, clears=True, outputs=()),
    "cpu-hung": Scenario(
        faults.WATCHDOG_RESET, inject_chip.cpu_hung, variants=("", "timers"), patience_ms=700,
        others={faults.SAMPLE_INTERRUPT_STOPPED: "a byte from the host wakes the main loop, which misses the samples"},
        unseen=dict.fromkeys(BOOTING, "the watchdog starts behind the self-test; the electrodes are not connected"),
        clears=True,
    ),
    "gate-stuck": Scenario(
        faults.SELFTEST_FAILED, inject_stage.gate_stuck, references.never, latent=True, leaks_ua=1.0,
        signed=True, outputs=EACH,
    ),
    "main-loop-raises": Scenario(
        faults.INTERNAL, inject_chip.main_loop_raises, plant="raising", clears=True,
        unseen={"FAULT": "the first fault stays; the exception is told, and forgotten with it"},
    ),
    "other-board": Scenario(faults.BOARD_MISMATCH, inject_flash.other_board, outputs=()),
    "sda-held": Scenario(
        faults.BUS_HUNG, inject_bus.sda_held, at_rest=SELF_TEST,
        others=KEEPS_CODE | {faults.DAC_NO_ACK: "the transfer under way is aborted"},
        unseen={
            "OFF": "boot clocks the bus free", "READY": "arming clocks it free", "FAULT": "so does clearing",
            "SELF_TEST late": "the last transfer is over; arming clocks it free",
        },
        clears=True,
        outputs=EACH,
    ),
    "dac-deaf": Scenario(
        faults.DAC_READBACK, inject_bus.dac_deaf, references.astray, patience_ms=5500, at_rest=SELF_TEST,
        others=SMALL_CODE | {faults.OUTPUT_ASTRAY: "while samples are played the interrupt sees it"},
        harmless=NEAR_ZERO, unseen=ENDS_FIRST,
        signed=True, outputs=EACH,
    ),
    "sense-dead": Scenario(
        faults.SENSE_STUCK, inject_stage.sense_dead, patience_ms=500, at_rest=SELF_TEST, unseen=LIFTED,
        signed=True, outputs=EACH,
    ),
    "skin-dries": Scenario(
        faults.COMPLIANCE_LOST, inject_stage.skin_dries, references.full_amplitude,
        patience_ms=5500, runs_out=_once_at_rest, unseen=ENDS_FIRST,
        clears=True,
        signed=True, outputs=EACH,
    ),
    "lift-off": Scenario(
        faults.OPEN_ELECTRODE, inject_stage.lift_off, references.last_contact, variants=("for good", "bounce"),
        patience_ms=10_400, runs_out=_ten_seconds, unseen=LIFTED, check=contact.check,
        clears=True,
        signed=True, outputs=EACH,
    ),
    "electrodes-touch": Scenario(
        faults.SHORT, inject_stage.electrodes_touch, references.full_amplitude,
        patience_ms=3500, runs_out=_once_at_rest, unseen=ENDS_FIRST,
        clears=True,
        signed=True, outputs=EACH,
    ),
    "offset-drifts": Scenario(
        faults.DC_IMBALANCE, inject_stage.offset_drifts, references.full_amplitude,
        patience_ms=4500, runs_out=_once_at_rest, at_rest=SELF_TEST,
        others={faults.OUTPUT_ASTRAY: "while the output looks for contact, 12 uA beyond the command are too much"},
        unseen=ENDS_FIRST | {"slow": "one polarity at a time is no balanced waveform: its own lower limit bounds it"},
        signed=True, mirrored=True, outputs=EACH,
    ),
    "phase-too-long": Scenario(
        faults.CHARGE_LIMIT, inject_chip.phase_too_long, references.phase_full,
        patience_ms=1200, unseen=NO_SAMPLES | ENDS_FIRST, harmless="a sine that stands still at zero drives nothing",
        clears=True,
        signed=True, outputs=EACH,
    ),
    "clock-slow": Scenario(
        faults.OVER_TIME, inject_chip.clock_slow, references.session_over,
        duration_ms=_short, patience_ms=7000, unseen=NO_SAMPLES | ENDS_FIRST, variants=("count", "quarter"),
        others={
            faults.SAMPLE_INTERRUPT_STOPPED: "the supervisor counts fewer samples than the time asks for",
            faults.SAMPLE_INTERRUPT_LATE: "the first sample at the new rate comes late",
        },
        clears=True,
        signed=True,
    ),
    "chip-warm": Scenario(faults.OVER_TEMPERATURE, inject_stage.chip_warm, patience_ms=300),
    "supply-sags": Scenario(faults.SUPPLY, inject_stage.supply_sags, variants=("low", "high"), patience_ms=300),
    "usb-plugged": Scenario(faults.MAINS_USB, inject_stage.usb_plugged),
    "limiter-and-pump": Scenario(
        faults.COMPARATOR, inject_stage.limiter_and_pump, references.over_comparator,
        variants=("", "2k"), at_rest=SELF_TEST,
        others={faults.OVER_CURRENT: "an interrupt within the comparator's 2 us opens the gate first, which clears it"},
        signed=True, mirrored=True, outputs=EACH,
    ),
    "interrupt-raises": Scenario(
        faults.SAMPLE_INTERRUPT_RAISED, inject_chip.interrupt_raises, at_rest=SELF_TEST,
        clears=True,
    ),
    "journal-altered": Scenario(faults.JOURNAL_BROKEN, inject_flash.journal_altered, clears=True, outputs=()),
    "module-altered": Scenario(faults.FIRMWARE_ALTERED, inject_flash.module_altered, outputs=()),
}  # fmt: skip
