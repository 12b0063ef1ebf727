"""The figures of a session from its telemetry: full current or ramp only, changing loads, causes of the end."""

from firmware.shared import protocol
from microcurrent.summary import summarize, table_rows
from microcurrent.treatment import checked_wave

WAVE = checked_wave({"amplitude_ua": 200, "frequency_mhz": 10_000, "duration_ms": 10_000})
GOOD, DRY, OPEN = protocol.CONTACT_GOOD, protocol.CONTACT_DRY, protocol.CONTACT_OPEN


def row(**changes: int) -> dict[str, int]:
    return {**dict.fromkeys(protocol.TELEMETRY_FIELDS, 0), **changes}


def flowing(state: int, commanded_ua: int, **changes: int) -> dict[str, int]:
    usual = {"contact": GOOD, "impedance_ohm": 9000, "delivered_ua": commanded_ua, "phase_charge_nc": commanded_ua * 50}
    return row(**{"state": state, "commanded_ua": commanded_ua, "phases": 1, **usual, **changes})


def table(summary: dict) -> dict[str, tuple[str, str]]:
    return {name: (commanded, delivered) for name, commanded, delivered in table_rows(summary)}


def test_figures_come_from_full_current_alone() -> None:
    ramp = [flowing(protocol.RAMP_UP, 100, contact=OPEN, impedance_ohm=10**6)] * 20
    summary = summarize(WAVE, "duration", [*ramp, *[flowing(protocol.ACTIVE, 200)] * 3])
    assert (summary["measured_in"], summary["delivered_mean_ua"], summary["contact"]) == ("full current", 200, "good")
    shown = table(summary)
    assert shown["current, mean of a phase"] == ("200 uA", "200 uA")
    assert shown["charge per phase"] == ("10.00 uC", "10.00 uC")
    assert (shown["contact"], shown["ended"]) == (("", "good"), ("", "duration"))


def test_a_session_that_never_left_its_ramp() -> None:
    """Commanded is the ramp's mean as well: a peak beside a mean would look like a loss."""
    ramp = [flowing(protocol.RAMP_UP, level_ua, phases=36, full_phases=35) for level_ua in (20, 40, 60, 80)]
    off = row(state=protocol.OFF, phases=36, full_phases=35)
    summary = summarize(WAVE, "stopped", [row(state=protocol.RAMP_UP), *ramp, off])
    assert (summary["measured_in"], summary["delivered_mean_ua"], summary["commanded_mean_ua"]) == ("ramp only", 50, 50)
    shown = table(summary)
    assert shown["current, peak"][0] == "80 uA"
    assert shown["current, mean of a phase"] == ("50 uA", "50 uA (ramp only)")
    assert shown["charge per phase"] == ("2.50 uC", "2.50 uC (ramp only)")
    assert shown["impedance"] == ("", "9000 ohm")
    assert shown["phases at full current"] == ("36", "35 (97.2 %)")


def test_a_session_without_one_whole_phase_has_no_charge_of_one() -> None:
    summary = summarize(WAVE, "interrupted", [flowing(protocol.RAMP_UP, 20, phases=0, phase_charge_nc=0)])
    assert summary["phase_charge_nc"] is None
    assert table(summary)["charge per phase"] == ("1.00 uC", "-")


def test_a_load_that_changed() -> None:
    """A tenth of the time open: the impedance is that of the rest, and the contact says both."""
    good = [flowing(protocol.ACTIVE, 200)] * 80
    bad = [flowing(protocol.ACTIVE, 200, contact=DRY, impedance_ohm=4 * 10**7)] * 20
    summary = summarize(WAVE, "duration", [flowing(protocol.ACTIVE, 200), *good, *bad])
    assert summary["impedance_ohm"] == 9000
    assert (summary["contact"], summary["contact_share_percent"]) == ("dry", {"good": 80.0, "dry": 20.0})
    assert table(summary)["contact"] == ("", "dry (good 80 %, dry 20 %)")


def test_one_odd_reading_is_told_but_is_not_the_verdict() -> None:
    rows = [flowing(protocol.ACTIVE, 200)] * 5000 + [flowing(protocol.ACTIVE, 200, contact=OPEN, impedance_ohm=-1)]
    summary = summarize(WAVE, "duration", rows)
    assert (summary["contact"], summary["impedance_ohm"]) == ("good", 9000)
    assert table(summary)["contact"] == ("", "good (good 99.9 %, open 0.1 %)")


def test_no_telemetry_at_all() -> None:
    summary = summarize(WAVE, "link-lost", [])
    assert (summary["measured_in"], summary["impedance_ohm"], summary["contact"]) == ("nothing", None, "unknown")
    assert table(summary)["current, mean of a phase"] == ("0 uA", "-")


def test_a_summary_of_the_first_version_is_shown() -> None:
    """It had neither shares nor the rows' origin."""
    summary = summarize(WAVE, "fault", [flowing(protocol.ACTIVE, 200, fault=9)])
    for name in ("measured_in", "contact_share_percent"):
        del summary[name]
    shown = table(summary)
    assert (shown["contact"], shown["ended"]) == (("", "good"), ("", "fault: e-stop"))


def test_what_stopped_it_is_shown() -> None:
    summary = {**summarize(WAVE, "stopped", []), "stopped_by": "Ctrl-C twice, off at once"}
    assert table(summary)["ended"] == ("", "stopped: Ctrl-C twice, off at once")
