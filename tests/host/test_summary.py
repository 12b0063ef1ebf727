"""The figures of a session from its telemetry: full current or ramp only, changing loads, causes of the end."""

from firmware.shared import protocol
from microcurrent.figures import table_rows
from microcurrent.summary import summarize
from microcurrent.treatment import checked_wave

WAVE = checked_wave({"amplitude_ua": 200, "frequency_mhz": 10_000, "duration_ms": 10_000})
GOOD, DRY, OPEN = protocol.CONTACT_GOOD, protocol.CONTACT_DRY, protocol.CONTACT_OPEN


def row(**changes: int) -> dict[str, int]:
    return {**dict.fromkeys(protocol.TELEMETRY_FIELDS, 0), **changes}


def flowing(state: int, commanded_ua: int, **changes: int) -> dict[str, int]:
    usual = {"contact": GOOD, "impedance_ohm": 9000, "series_ohm": -1, "delivered_ua": commanded_ua}
    usual["phase_charge_nc"] = commanded_ua * 50
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
    off = row(state=protocol.READY, phases=36, full_phases=35)
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


def test_the_search_for_contact_counts_in_no_mean() -> None:
    """A lift-off in mid-session: what was measured at 8 uA, and in the first interval after the ramp, is left out."""
    seeking = flowing(protocol.RAMP_UP, 0, sensing=1, delivered_ua=8, contact=OPEN, impedance_ohm=99_999_999)
    straddling = flowing(protocol.ACTIVE, 200, delivered_ua=150)
    full = flowing(protocol.ACTIVE, 200, lift_offs=1)
    rows = [seeking, straddling, full, seeking, seeking, straddling, full, full]
    summary = summarize(WAVE, "duration", rows)
    assert (summary["measured_in"], summary["delivered_mean_ua"], summary["impedance_ohm"]) == (
        "full current",
        200,
        9000,
    )
    assert (summary["contact"], summary["lift_offs"]) == ("good", 1)
    assert table(summary)["lift-offs"] == ("0", "1")


def test_a_session_that_never_found_contact() -> None:
    seeking = flowing(protocol.RAMP_UP, 0, sensing=1, contact=OPEN, phases=0, fault=19, electrode_mv=9977)
    summary = summarize(WAVE, "fault", [seeking] * 5)
    assert (summary["measured_in"], summary["delivered_mean_ua"], summary["contact"]) == ("nothing", None, "unknown")
    shown = table(summary)
    assert (shown["current, mean of a phase"][1], shown["ended"][1]) == ("-", "fault: open-electrode")
    assert shown["electrode voltage, peak"] == ("", "9.98 V")


def test_impedance_supply_and_temperature() -> None:
    rows = [
        flowing(protocol.ACTIVE, 200, series_ohm=5000, supply_mv=supply_mv, temperature_c=celsius)
        for supply_mv, celsius in ((11990, 28), (11200, 31), (12010, 30))
    ]
    summary = summarize(WAVE, "duration", rows)
    assert (summary["series_ohm"], summary["temperature_max_c"]) == (5000, 31)
    assert (summary["supply_min_mv"], summary["supply_max_mv"]) == (11200, 12010)
    shown = table(summary)
    assert shown["impedance"] == ("", "9000 ohm (5000 ohm of it in series)")
    assert (shown["supply"], shown["temperature, highest"]) == (("", "11.20 .. 12.01 V"), ("", "31 C"))


def test_a_firmware_that_measured_no_supply() -> None:
    """Its rows are read with 0 V and unknown impedance: neither is shown as a measurement."""
    summary = summarize(WAVE, "duration", [flowing(protocol.ACTIVE, 200)] * 3)
    assert (summary["series_ohm"], summary["supply_min_mv"], summary["temperature_max_c"]) == (None, None, None)
    shown = table(summary)
    assert "supply" not in shown and "temperature, highest" not in shown
    assert shown["impedance"] == ("", "9000 ohm")


def test_no_telemetry_at_all() -> None:
    summary = summarize(WAVE, "link-lost", [])
    assert (summary["measured_in"], summary["impedance_ohm"], summary["contact"]) == ("nothing", None, "unknown")
    assert table(summary)["current, mean of a phase"] == ("0 uA", "-")


def test_a_summary_of_the_first_version_is_shown() -> None:
    """It had neither shares nor the rows' origin, and nothing of what the second version measures."""
    summary = summarize(WAVE, "fault", [flowing(protocol.ACTIVE, 200, fault=9)])
    newer = ("series_ohm", "lift_offs", "temperature_max_c", "supply_min_mv", "supply_max_mv")
    for name in ("measured_in", "contact_share_percent", *newer):
        del summary[name]
    shown = table(summary)
    assert "lift-offs" not in shown and "supply" not in shown
    assert (shown["contact"], shown["ended"]) == (("", "good"), ("", "fault: e-stop"))


def test_what_stopped_it_is_shown() -> None:
    summary = {**summarize(WAVE, "stopped", []), "stopped_by": "Ctrl-C twice, off at once"}
    assert table(summary)["ended"] == ("", "stopped: Ctrl-C twice, off at once")
