"""What the board can tell by itself: its state, its self-test, and readings of the dummy load."""

from dataclasses import dataclass
from types import ModuleType

from firmware.shared import protocol

from ..calibrate.internal import READINGS
from ..client import DeviceClient
from ..errors import MicrocurrentError

PROBE_UA = 50  # as hw/measure.py: half of the smallest limit


@dataclass(frozen=True)
class Facts:
    """tests: {name: (passed, reading, sentence)} of the self-test, up to the first that failed. rows: (code, current in
    ADC counts, voltage in counts), the first with the gate open; None where the board would not measure: why_not.
    """

    board: ModuleType
    state: str
    estop: bool
    calibrated: bool
    tests: dict[str, tuple[bool, int, str]]
    rows: list[tuple[int, float, float]] | None
    why_not: str

    def failed(self, name: str) -> bool:
        """Whether a check has run and failed."""
        return name in self.tests and not self.tests[name][0]

    def passed(self, name: str) -> bool:
        """Whether a check has run and passed."""
        return name in self.tests and self.tests[name][0]


def gathered(client: DeviceClient, board: ModuleType) -> Facts:
    """Run the self-test and look at the dummy load. Raises what the link raises."""
    tests = {name: (passed, reading, text) for name, passed, reading, text in client.request("selftest")["tests"]}
    step = round(PROBE_UA * 2048 / board.FULL_SCALE_UA)
    rows, why_not = None, ""
    try:
        codes = [board.ZERO_CODE, board.ZERO_CODE + step, board.ZERO_CODE - step]
        found = client.request("measure", {"channel": 1, "codes": codes})["rows"]
        rows = [(code, current / READINGS - 2048, voltage / READINGS - 2048) for code, current, voltage in found]
    except MicrocurrentError as error:
        why_not = str(error)
    status = client.request("status")
    identity = client.hello()
    return Facts(
        board,
        protocol.STATE_NAMES[identity["state"]],
        bool(status["estop"]),
        bool(identity.get("calibration")),
        tests,
        rows,
        why_not,
    )
