"""One scenario per fault of the table, by the name that the table gives it."""

from collections.abc import Mapping

from firmware.shared import faults

from . import inject_bus, inject_chip, inject_flash, inject_stage, references
from .case import IDLE, Key
from .scenario import Scenario
from .waves import Wave


def _short(wave: Wave) -> int:
    return 2 * wave.ramp_ms + 900


def _mid_at_rest(key: Key) -> bool:
    return key.state not in IDLE or key.phase == "mid"


def _three(key: Key) -> bool:
    return (key.state, key.wave) in (("SENSING", "square"), ("RAMP_UP", "sine"), ("ACTIVE", "slow")) or (
        key.state in IDLE and key.phase == "mid" and key.state == "READY"
    )

SCENARIOS: Mapping[str, Scenario] = {
    "pump-at-rail": Scenario(
        faults.OVER_CURRENT, inject_stage.pump_at_rail, references.over_window, variants=("up", "down", "2k")
    ),
    "dac-absent": Scenario(faults.DAC_NO_ACK, inject_bus.dac_absent),
    "dac-eeprom": Scenario(faults.DAC_EEPROM_UNSAFE, inject_bus.dac_eeprom),
    "dac-stuck": Scenario(faults.OUTPUT_ASTRAY, inject_bus.dac_stuck, references.astray, patience_ms=700),
    "interrupt-late": Scenario(faults.SAMPLE_INTERRUPT_LATE, inject_chip.interrupt_late),
    "interrupt-dead": Scenario(faults.SAMPLE_INTERRUPT_STOPPED, inject_chip.interrupt_dead),
    "main-loop-hung": Scenario(faults.SUPERVISOR_LATE, inject_chip.main_loop_hung, variants=("150 ms", "for ever"), patience_ms=800),
    "host-silent": Scenario(faults.LEASE_LOST, inject_stage.host_silent, references.last_renewal, lease_ms=500, patience_ms=2000, by_ramp=True),
    "estop-open": Scenario(faults.ESTOP, inject_stage.estop_open, variants=("open", "wire")),
    "settings-corrupt": Scenario(faults.SETTINGS_CORRUPT, inject_flash.settings_corrupt),
    "cpu-hung": Scenario(faults.WATCHDOG_RESET, inject_chip.cpu_hung, variants=("", "timers"), patience_ms=700),
    "gate-stuck": Scenario(faults.SELFTEST_FAILED, inject_stage.gate_stuck, references.never, latent=True, leaks_ua=1),
    "main-loop-raises": Scenario(faults.INTERNAL, inject_chip.main_loop_raises, plant="raising"),
    "other-board": Scenario(faults.BOARD_MISMATCH, inject_flash.other_board),
    "sda-held": Scenario(faults.BUS_HUNG, inject_bus.sda_held),
    "dac-deaf": Scenario(faults.DAC_READBACK, inject_bus.dac_deaf, references.astray, patience_ms=700),
    "sense-dead": Scenario(faults.SENSE_STUCK, inject_stage.sense_dead, patience_ms=500),
    "skin-dries": Scenario(faults.COMPLIANCE_LOST, inject_stage.skin_dries, references.full_amplitude, patience_ms=5500, runs_out=_mid_at_rest),
    "lift-off": Scenario(faults.OPEN_ELECTRODE, inject_stage.lift_off, variants=("open", "bounce"), patience_ms=10400, runs_out=_three),
    "electrodes-touch": Scenario(faults.SHORT, inject_stage.electrodes_touch, references.full_amplitude, patience_ms=3500, runs_out=_mid_at_rest),
    "offset-drifts": Scenario(faults.DC_IMBALANCE, inject_stage.offset_drifts, references.full_amplitude, patience_ms=4500, runs_out=_mid_at_rest),
    "phase-too-long": Scenario(faults.CHARGE_LIMIT, inject_chip.phase_too_long, references.phase_full, patience_ms=600),
    "clock-slow": Scenario(faults.OVER_TIME, inject_chip.clock_slow, references.session_over, duration_ms=_short, patience_ms=6000),
    "chip-warm": Scenario(faults.OVER_TEMPERATURE, inject_stage.chip_warm, patience_ms=400),
    "supply-sags": Scenario(faults.SUPPLY, inject_stage.supply_sags, patience_ms=400, variants=("low", "high")),
    "usb-plugged": Scenario(faults.MAINS_USB, inject_stage.usb_plugged),
    "limiter-and-pump": Scenario(faults.COMPARATOR, inject_stage.limiter_and_pump, references.over_comparator, variants=("", "2k")),
    "interrupt-raises": Scenario(faults.SAMPLE_INTERRUPT_RAISED, inject_chip.interrupt_raises, plant="raising"),
    "journal-altered": Scenario(faults.JOURNAL_BROKEN, inject_flash.journal_altered),
}
