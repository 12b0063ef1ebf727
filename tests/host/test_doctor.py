"""What doctor says of a board that answers."""

from microcurrent.board_findings import board_findings
from microcurrent.calibrate import age
from microcurrent.finding import Finding

CALIBRATED = {"id": "0badcafe", "day": age.today(), "reference": "meter", "temperature_c": 23, "channels": []}
SOUND = {"code": 0, "reading": 0, "limit": 0}


class Board:
    """Answers the questions of doctor."""

    port = "p"

    def __init__(self, *, commissioned: bool = True, **answers: dict) -> None:
        self.identity = {"commissioned": commissioned}
        settings = {"area_mm2": 1000, "usb_isolated": 1}
        self._answers = {"config": {"set": settings}, "faults": SOUND, "journal": {"problem": None}}
        self._answers |= {"calibration": {"calibration": CALIBRATED, "problem": None}} | answers

    def request(self, command: str, args: dict | None = None, timeout_s: float | None = None) -> dict:
        return self._answers[command]

    def hello(self, timeout_s: float = 1.0) -> dict:
        return self.identity

    def close(self) -> None:
        pass


def findings(board: Board) -> dict[str, Finding]:
    return {found.subject: found for found in board_findings(board)}


def test_a_board_without_problems() -> None:
    found = findings(Board())
    assert list(found) == ["dac", "fault", "journal", "area", "usb", "calibration"]
    assert all(finding.good and not finding.note for finding in found.values())
    assert found["area"].text == "10cm2 of electrode declared"


def test_a_latched_fault_is_a_problem() -> None:
    found = findings(Board(faults={"code": 25, "reading": 10500, "limit": 10800}))["fault"]
    assert not found.good
    assert found.text.startswith("fault 25 supply: ") and "10500 mV, limit 10800 mV" in found.text


def test_a_broken_journal_is_a_problem() -> None:
    found = findings(Board(journal={"problem": "record 5 does not chain"}))["journal"]
    assert (found.good, found.text) == (
        False,
        "record 5 does not chain; the output stays off; keep a copy with: microcurrent log --json, then run: "
        "microcurrent faults clear",
    )


def test_an_uncommissioned_dac_is_a_problem() -> None:
    found = findings(Board(commissioned=False))["dac"]
    assert (found.good, found.text.endswith("run: microcurrent commission")) == (False, True)


def test_what_only_limits_is_a_note() -> None:
    """A board as it comes: no area, no isolation. That is no problem of the machine."""
    found = findings(Board(config={"set": {"area_mm2": 0, "usb_isolated": 0}}))
    assert all(found[name].good and found[name].note for name in ("area", "usb"))
    assert "140uA at most; declare yours with: microcurrent config set area_mm2 10cm2" in found["area"].text
    assert found["usb"].text.endswith("microcurrent config set usb_isolated yes")


def test_a_calibration_is_missing_old_or_damaged() -> None:
    def found(**answer: object) -> Finding:
        return findings(Board(calibration={"calibration": None, "problem": None} | answer))["calibration"]

    assert found().note and found().text.endswith("run: microcurrent calibrate")
    fresh = found(calibration=CALIBRATED | {"day": age.today() - 365})
    assert (fresh.good, fresh.note) == (True, False) and "0 days left" in fresh.text
    old = found(calibration=CALIBRATED | {"day": age.today() - 366})
    assert old.good and old.note and "EXPIRED 1 days ago" in old.text
    damaged = found(problem="/calibration_b: calibration damaged: checksum mismatch")
    assert not damaged.good and damaged.text.startswith("/calibration_b: calibration damaged")
