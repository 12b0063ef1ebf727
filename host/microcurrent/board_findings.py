"""What doctor asks a board that answers: what keeps it from a session, and what it permits less for."""

from firmware.shared import faults, rules

from .fault_text import channel_of, fault_text
from .finding import Finding
from .preferences import shown
from .share import Requester


def board_findings(client: Requester) -> list[Finding]:
    """Commissioning, fault, journal, declared area, USB isolation and calibration. Raises what the link raises."""
    settings = client.request("config")["set"]
    return [
        _commissioned(client.identity),
        _fault(client.request("faults"), client.identity),
        _journal(client.request("journal")),
        _area(settings["area_mm2"]),
        _usb(settings["usb_isolated"]),
        _calibration(client.request("calibration")),
    ]


def _commissioned(identity: dict) -> Finding:
    if identity["commissioned"]:
        return Finding("dac", True, "powers up at zero current")
    return Finding("dac", False, "not commissioned; the output stays off; run: microcurrent commission")


def _fault(found: dict, identity: dict) -> Finding:
    if found["code"] == faults.NONE:
        return Finding("fault", True, "none is latched")
    text = fault_text(found["code"], found["reading"], found["limit"], channel_of(found, identity))
    return Finding("fault", False, text)


def _journal(page: dict) -> Finding:
    if not page["problem"]:
        return Finding("journal", True, "its chain is whole")
    return Finding(
        "journal",
        False,
        f"{page['problem']}; the output stays off; keep a copy with: microcurrent log --json, then run: "
        f"microcurrent faults clear",
    )


def _area(area_mm2: int) -> Finding:
    if area_mm2:
        return Finding("area", True, f"{shown('area_mm2', area_mm2)} of electrode declared")
    most_ua = rules.DENSITY_BIPOLAR_UA_PER_CM2 * rules.TIP_MM2 // 100
    return Finding(
        "area",
        True,
        f"none declared: a 3 mm tip counts, {most_ua}uA at most; declare yours with: microcurrent config set "
        f"area_mm2 10cm2",
        note=True,
    )


def _calibration(found: dict) -> Finding:
    """None, a damaged and an old one limit what is known of the current; nothing is refused for want of one."""
    from .calibrate.age import expired, expiry_text

    has = found["calibration"]
    if found["problem"]:
        text = f"{found['problem']}; the design's numbers hold; run: microcurrent calibrate"
        return Finding("calibration", False, text)
    if not has:
        return Finding("calibration", True, "none: the design's numbers hold; run: microcurrent calibrate", note=True)
    text = f"{has['id']}, {expiry_text(has['day'])}, against {has['reference']}"
    if expired(has["day"]):
        return Finding("calibration", True, f"{text}; run: microcurrent calibrate", note=True)
    return Finding("calibration", True, text)


def _usb(isolated: int) -> Finding:
    if isolated:
        return Finding("usb", True, "its supply is declared isolated from the mains")
    return Finding(
        "usb",
        True,
        "no isolation declared: with a supplying USB cable plugged in no session starts; with an isolator, declare it: "
        "microcurrent config set usb_isolated yes",
        note=True,
    )
