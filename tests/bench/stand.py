"""The boards that figures are taken from: ours with a session at full amplitude, in emulated time.

`filling_wire` is the product's source with two numbers changed, because its own ceilings keep a quarter of the bus
free: it takes every period from 45 us on, and keeps one transaction open only where START to STOP does not fit (58 us).
"""

from collections.abc import Callable
from pathlib import Path

from boards.rp2040_pico_dual import board as dual_board
from firmware.shared import faults, settings, waveform
from microcurrent.bench.pico import VirtualPico
from microcurrent.build import build_firmware
from microcurrent.client import DeviceClient, telemetry_values
from microcurrent.transport import BenchTransport
from tests import frozen
from tests.support import changed, compiled_text

ROOT = Path(__file__).parents[2]
MS = 1_000_000
WIRE_BIT_NS = 2500  # SCL at exactly 400 kHz, as its registers do not quite give it
WIRE_PERIOD_US = 45  # 18 bits of 2500 ns
STOP_PERIOD_US = 73  # 29 bits of 2500 ns are 72.5 us, and the timer counts whole ones
OPEN_PERIOD_US = 62  # the product's shortest
STEP_MS = 50  # between two looks at what the board sends
WAVE = {"amplitude_ua": 200, "frequency_mhz": 10_000, "duration_ms": 600_000, "ramp_ms": 100, "sample_us": 100}
# The widest caps there are, so that nothing but the engine decides.
DECLARED = {"profile": 1, "zone": waveform.ZONES.index("body"), "area_mm2": 1000}


class Stand:
    """A virtual Pico that answers, and a client at its port."""

    def __init__(
        self, files: dict[str, bytes] | None = None, bit_ns: int = 0, image: Path | None = None, **keywords: object
    ) -> None:
        """files: of the firmware, by default those of the build. bit_ns: of SCL; 0: what the registers say.

        image: the one to boot with these files beside it, instead of what the environment names.
        """
        options: dict = {"dac_eeprom": (2048, 0)} | keywords
        board = getattr(keywords.get("board"), "BOARD", "rp2040_pico")
        beside = files or {}
        if image is None:
            image, beside = frozen.code(board, files or product_files())
        self.pico = VirtualPico(image, **options)
        declared = settings.encode_slot(1, settings.defaults() | DECLARED)
        self.pico.install_files(beside | {"/settings_a": declared})
        if bit_ns:
            clock_bus(self.pico, bit_ns)
        self.client = DeviceClient(BenchTransport(self.pico))
        self.request = self.client.request
        self.session = 0
        self.client.hello()

    def play(self, wave2: dict | None = None, **changes: object) -> dict:
        """Start a session and run it to its full amplitude: its terms. Raises RuntimeError when a fault latches.

        wave2: of a second channel.
        """
        second = {"wave2": wave2} if wave2 else {}
        terms = self.request("arm", {"wave": WAVE | changes, "lease_ms": 10_000} | second)
        self.session = terms["session"]
        self.request("start", {"session": self.session})
        while self.request("status")["state"] != "ACTIVE":
            self.pico.run_for_ms(STEP_MS)
            self.raise_if_faulty()
        self.request("telemetry", {"rate_hz": 0})
        self.hold(250)  # what the ramp left in its buffers
        return terms

    def hold(self, ms: float, during: Callable[[], object] | None = None) -> int:
        """Let the session play on, its lease renewed, what it sends read; the instant when that began, ns.

        during: called about every 50 ms instead of reading events.
        """
        from_ns = self.pico.now_ns
        renew_ns = from_ns
        while self.pico.now_ns < from_ns + ms * MS:
            if self.pico.now_ns >= renew_ns:
                self.request("lease", {"session": self.session})
                renew_ns = self.pico.now_ns + 3000 * MS
            if during:
                during()
            else:
                self.client.next_event(min(STEP_MS, max(ms - (self.pico.now_ns - from_ns) / MS, 0.001)) / 1000)
        return from_ns

    def telemetry(self) -> dict[str, int]:
        """The newest row by field name."""
        return telemetry_values(self.request("status")["telemetry"])

    def raise_if_faulty(self) -> None:
        """Raises RuntimeError when a fault is latched."""
        code = self.request("faults")["code"]
        if code != faults.NONE:
            raise RuntimeError(f"fault {code} is latched where none may be")


def dual_stand() -> Stand:
    """A board with two outputs."""
    return Stand(build_firmware(dual_board.BOARD).files, board=dual_board)


def product_files() -> dict[str, bytes]:
    """What `microcurrent flash` uploads to a Pico."""
    return build_firmware("rp2040_pico").files


def filling_wire(files: dict[str, bytes], period_us: int = WIRE_PERIOD_US) -> dict[str, bytes]:
    """The firmware for a bus that is used up to its last bit. period_us: the shortest that the board offers."""
    board = (ROOT / "boards" / "rp2040_pico" / "board.py").read_text()
    offered = board.replace("PERIODS_US = (250, 100, 62)", f"PERIODS_US = (250, 100, {period_us})")
    if offered == board:
        raise ValueError("the board does not offer the periods that are to be replaced")
    unhurried = changed(files, "hw/output_rp2.py", "_MARGIN = const(5)", "_MARGIN = const(3)")
    return unhurried | {"/lib/board.mpy": compiled_text(offered, "board.py")}


def clock_bus(pico: VirtualPico, bit_ns: int) -> None:
    """SCL as on some silicon, instead of what the controller's registers say."""
    controller = pico.mcu.i2c[pico.board.I2C_ID]
    controller._measure_bit = lambda: None
    controller.bit_ns = bit_ns
