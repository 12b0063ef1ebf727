"""A virtual ESP32 board: the firmware's own .mpy files on MicroPython's unix port, wired to the bench's DAC and stage.

It has the face of VirtualPico as far as the scenarios of tests/hil/test_contract.py use it. The interpreter runs in a
process of its own, in lock step: whatever touches a pin, the bus, the ADC or the clock asks here (fake/world.py), and
time goes on only up to the instant that this side names. The same calls give the same run.

What this is not: an ESP32. Its processor, its speed, its drivers and its analog inputs are not emulated.
"""

import contextlib
import heapq
import math
import os
import shutil
import subprocess
import types
from collections.abc import Callable
from pathlib import Path

from boards.esp32_devkit import board as esp32_board
from microcurrent.bench.faults import Value
from microcurrent.bench.mcp4725 import Mcp4725
from microcurrent.bench.parameters import StageParameters
from microcurrent.bench.probes import probed_pins
from microcurrent.bench.skin import Load, load_of
from microcurrent.bench.stage import Stage
from microcurrent.bench.trace import Trace

FAKE = Path(__file__).parent / "fake"
NS_PER_MS = 1_000_000
POLL_NS = 1_000_000  # run_while looks at its predicate at least this often
HEAP = "2M"  # ours: no claim about memory rests on this interpreter, whose objects are twice as large
BOOT_US = 300_000  # ours: from reset to boot.py; unverified
ENDED = 70  # fake/world.py: the chip was reset
CAUSES = {"power": 1, "software": 2, "watchdog": 3, "soft": 5}  # machine.reset_cause(), ports/esp32/modmachine.c
_OUT, _OPEN_DRAIN, _PULL_UP = 3, 7, 2
_ADC_LOW_MV, _ADC_HIGH_MV = 142, 3150  # ours: what read_uv() can tell at 11 dB; unverified
_RAW_LOW_MV, _RAW_MV = 130, 3050  # ours: raw readings at 11 dB begin and span so; up to 6 % off in the middle


class VirtualEsp32:
    """Powered on at 0 ns with the emergency-stop contact closed. The files of its flash are in `flash`.

    dac_eeprom: (code, power-down bits) of the DAC at power-on. start_us: what the chip's clock shows at power-on.
    noise_mv: amplitude of what the ADC adds to every reading, up and down in turn. All times are emulated.
    """

    def __init__(
        self,
        interpreter: Path,
        modules: Path,
        flash: Path,
        *,
        load: str | Load = "typical",
        area_mm2: float = 1000,
        dac_eeprom: tuple[int, int] = (0, 0),
        start_us: int = 0,
        noise_mv: float = 0.0,
        board: types.ModuleType = esp32_board,
    ) -> None:
        self.board = board
        self.flash = flash
        self.supply_mv = 12_000.0
        self.temperature_c = 40.0
        self.noise_mv = noise_mv
        self.radios: dict[str, bool] = {}
        self.radio_calls: list[str] = []
        self._command = [str(interpreter), "-X", f"heapsize={HEAP}", str(FAKE / "start.py"), str(flash), str(modules)]
        self._start_us = start_us
        self._offset_us = 0  # of the chip's clock: emulated time when it started
        self._now_ns = self._stop_ns = 0
        self._cause = "power"
        self._memory = b""
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting = False  # the interpreter waits at a stop
        self._stall_us = 0
        self._actions: list[tuple[float, int, Callable[[], None]]] = []
        self._sent = bytearray()
        self._modes: dict[int, tuple[int, int]] = {}
        self._levels: dict[int, int] = {}
        self._outside: dict[int, int] = {board.ESTOP_PIN: 0, board.VBUS_PIN: 0, board.TRIPPED_PIN: 0}
        self._turn = 1
        self.at_prompt = False
        self._area_mm2 = area_mm2
        self._load = load_of(load, area_mm2)
        self.stage = Stage(StageParameters.of_board(board), self._load, *dac_eeprom)
        self.stage.on_tripped = lambda tripped: self._drive(board.TRIPPED_PIN, int(tripped))
        self.hold_sda = False
        self.trace = Trace(self.stage, lambda: self.now_ns, probed_pins(board, board), {})
        self.dac = Mcp4725(lambda: self.now_ns, board.DAC_ADDRESS, *dac_eeprom)
        self.dac.on_output = self._dac_output
        self._dac_output(*dac_eeprom)
        self._seen = {number: self.pin(number) for number in self.trace.pin_names}
        self.trace.pins.extend((0, number, level) for number, level in self._seen.items())

    # --- time

    @property
    def now_ns(self) -> int:
        """Emulated time since power-on."""
        return self._now_ns

    def run_until(self, t_ns: float) -> None:
        """Run to an emulated instant; a call of C that is under way then ends later."""
        while self._now_ns < t_ns:
            due_ns = self._actions[0][0] if self._actions else math.inf
            self._advance(min(t_ns, due_ns))
            while self._actions and self._actions[0][0] <= self._now_ns:
                heapq.heappop(self._actions)[2]()

    def run_for_ms(self, ms: float) -> None:
        """Run for a time."""
        self.run_until(self._now_ns + ms * NS_PER_MS)

    def run_while(self, predicate: Callable[[], bool], limit_ms: float) -> bool:
        """Run while `predicate()` holds, at most `limit_ms`. True when it ended in time."""
        end = self._now_ns + limit_ms * NS_PER_MS
        while predicate():
            if self._now_ns >= end:
                return False
            self.run_until(min(end, self._now_ns + POLL_NS))
        return True

    def at(self, t_ns: float, action: Callable[[], None]) -> None:
        """Run `action` at an emulated instant."""
        heapq.heappush(self._actions, (t_ns, len(self._actions), action))

    def stall(self, ms: float) -> None:
        """The next call of C takes so much longer: a collection of garbage, a flash erase, a crowded UART."""
        self._stall_us += round(ms * 1000)

    def _advance(self, t_ns: float) -> None:
        if self.at_prompt:
            self._move_to(t_ns)
            return
        if self._process is None:
            self._start()
        self._stop_ns = math.ceil(t_ns)
        while self._now_ns < t_ns and not self.at_prompt and self._process is not None:
            self._serve()

    # --- the interpreter

    def _start(self) -> None:
        """A process per boot: what a chip keeps through a reset is kept here, everything else is gone."""
        requests, their_requests = os.pipe()
        their_replies, replies = os.pipe()

        def place() -> None:
            os.dup2(their_requests, 23)
            os.dup2(their_replies, 24)
            os.dup2(23, 3)
            os.dup2(24, 4)

        start_us = self._start_us if self._cause == "power" else 0
        self._offset_us = self._now_ns // 1000 - start_us + BOOT_US
        self._process = subprocess.Popen(
            [*self._command, str(start_us)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            pass_fds=(3, 4),
            preexec_fn=place,
        )
        os.close(their_requests)
        os.close(their_replies)
        self._requests, self._replies = requests, replies
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._waiting = False

    def _serve(self) -> None:
        """Answer requests until the interpreter stops at the instant wanted, or ends."""
        if self._waiting:
            self._waiting = False
            self._answer_stop()
        while True:
            request = os.read(self._requests, 4096)
            if not request:
                self._died()
                return
            t_us, verb, *words = request.decode().split()
            self._move_to((int(t_us) + self._offset_us) * 1000)
            if verb == "stop":
                if self._now_ns >= self._stop_ns:
                    self._waiting = True
                    self._take_output()
                    return
                self._answer_stop()
            elif verb in ("reset", "prompt"):
                self._reply(0)
                self._finish(verb, words)
                return
            else:
                self._reply(getattr(self, f"_on_{verb}")(*words))

    def _answer_stop(self) -> None:
        if self._stall_us:
            stall_us, self._stall_us = self._stall_us, 0
            self._reply(-stall_us)
        else:
            self._reply(-(-self._stop_ns // 1000) - self._offset_us)

    def _reply(self, value: object) -> None:
        os.write(self._replies, f"{value!s:16}".encode())

    def _finish(self, verb: str, words: list[str]) -> None:
        self._end_process()
        if verb == "reset":
            self.reset(words[0])
        else:
            self.at_prompt = True

    def _died(self) -> None:
        self._take_output()
        code = self._end_process()
        raise AssertionError(f"the interpreter ended with {code}:\n{self._sent.decode(errors='replace')[-2000:]}")

    def _end_process(self) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        os.close(self._replies)
        self._take_output(process)
        code = process.wait()
        self._take_output(process)
        os.close(self._requests)
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()
        return code

    def close(self) -> None:
        """End the interpreter."""
        if self._process is not None:
            self._process.kill()
            self._end_process()

    def reset(self, cause: str = "power") -> None:
        """The chip starts anew: "watchdog", "software" or "power"; the last one resets the DAC and the RTC's memory."""
        if self._process is not None:
            self._process.kill()
            self._end_process()
        self.at_prompt = False
        self._cause = cause
        self.trace.resets.append((self._now_ns, cause))
        self._modes.clear()
        self._levels.clear()
        self.radios.clear()
        self._note_pins()
        if cause == "power":
            self._memory = b""
            self.dac.power_on()

    def _move_to(self, t_ns: float) -> None:
        self._now_ns = max(self._now_ns, math.ceil(t_ns))
        self.stage.advance(self._now_ns)

    # --- serial port

    def open_port(self) -> None:
        """A UART knows nothing of ports."""

    def close_port(self) -> None:
        """A UART knows nothing of ports."""

    def serial_write(self, data: bytes) -> None:
        """Bytes for the board; no faster than it takes them: the pipe is longer than the chip's 260 bytes."""
        if self._process is None:
            self._start()
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(data)

    def serial_read(self) -> bytes:
        """Everything the board has sent since the last call."""
        if self._process is not None:
            self._take_output()
        data = bytes(self._sent)
        self._sent.clear()
        return data

    def _take_output(self, process: "subprocess.Popen[bytes] | None" = None) -> None:
        process = process or self._process
        if process is None or process.stdout is None:
            return
        with contextlib.suppress(BlockingIOError):
            while data := os.read(process.stdout.fileno(), 65536):
                self._sent += data

    # --- pins

    @property
    def gate(self) -> int:
        """1 while the gate pin drives the switch closed; floating, an external resistor keeps it open."""
        return self.pin(self.board.GATE_PIN)

    def pin(self, number: int) -> int:
        """Level at a GPIO: what the chip drives, else what is connected, else its pull."""
        mode, pull = self._modes.get(number, (1, -1))
        level = self._levels.get(number, 0)
        if mode == _OUT or (mode == _OPEN_DRAIN and not level):
            return level
        if number == self.board.SDA_PIN and self.hold_sda:
            return 0
        if number in (self.board.SDA_PIN, self.board.SCL_PIN):
            return 1  # its pull-up outside
        if number in self._outside:
            return self._outside[number]
        return int(pull == _PULL_UP)

    def drive_pin(self, number: int, level: int) -> None:
        """Connect a GPIO to a level from outside."""
        self._drive(number, level)

    def release_pin(self, number: int) -> None:
        """Disconnect what drives a GPIO from outside."""
        self._outside.pop(number, None)
        self._note_pins()

    def _drive(self, number: int, level: int) -> None:
        self._outside[number] = level
        self._note_pins()

    def _note_pins(self) -> None:
        board = self.board
        for number, before in self._seen.items():
            level = self.pin(number)
            if level == before:
                continue
            self._seen[number] = level
            self.trace.pins.append((self._now_ns, number, level))
            if number == board.GATE_PIN:
                self.stage.gate(self._now_ns, bool(level))
            elif number == board.DUMMY_PIN:
                self.stage.select(self._now_ns, bool(level))
            elif number == board.TRIP_TEST_PIN:
                self.stage.trip_test(self._now_ns, bool(level))

    # --- what the stage is connected to

    def fail(self, **changes: Value) -> None:
        """Break or mend parts of the output stage, now."""
        self.stage.fail(self._now_ns, **changes)

    def set_load(self, load: str | Load, area_mm2: float | None = None) -> None:
        """Put the electrodes on something else, now."""
        self._load = load_of(load, self._area_mm2 if area_mm2 is None else area_mm2)
        self.stage.connect(self._now_ns, self._load)

    def _dac_output(self, code: int, power_down: int) -> None:
        self.trace.dac_ns.append(self._now_ns)
        self.trace.dac_codes.append(code | power_down << 12)
        self.stage.dac(self._now_ns, code, power_down)

    # --- flash

    def install_files(self, contents: dict[str, bytes]) -> None:
        """Make the flash hold exactly these files."""
        shutil.rmtree(self.flash, ignore_errors=True)
        for name, data in contents.items():
            path = self.flash / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def read_files(self) -> dict[str, bytes]:
        """What the flash holds."""
        return {
            f"/{path.relative_to(self.flash)}": path.read_bytes() for path in self.flash.rglob("*") if path.is_file()
        }

    # --- requests of the fake modules

    def _on_level(self, number: str, level: str) -> int:
        self._levels[int(number)] = int(level)
        self._note_pins()
        return 0

    def _on_mode(self, number: str, mode: str, pull: str) -> int:
        before = self._modes.get(int(number), (1, -1))
        self._modes[int(number)] = (int(mode) if int(mode) >= 0 else before[0], int(pull))
        self._note_pins()
        return 0

    def _on_read(self, number: str) -> int:
        return self.pin(int(number))

    def _on_bus(self, _id: str, scl: str, sda: str) -> int:
        assert (int(scl), int(sda)) == (self.board.SCL_PIN, self.board.SDA_PIN), "the DAC hangs on other pins"
        return 0

    def _on_write(self, address: str, data: str) -> int:
        if self.hold_sda:
            return -2
        taken = self.dac.start(int(address), read=False)
        for byte in bytes.fromhex("" if data == "-" else data):
            taken = taken and self.dac.write(byte)
        self.dac.stop()
        return 0 if taken else -1

    def _on_readfrom(self, address: str, count: str) -> object:
        if self.hold_sda:
            return -2
        if not self.dac.start(int(address), read=True):
            self.dac.stop()
            return -1
        data = bytes(self.dac.read() for _ in range(int(count)))
        self.dac.stop()
        return data.hex()

    def _input_mv(self, number: int) -> float:
        board, self._turn = self.board, -self._turn
        noise_mv = self.noise_mv * self._turn
        if number == board.SENSE_PIN:
            return self.stage.sense_mv(self._now_ns) + noise_mv
        if number == board.VOLTAGE_PIN:
            return self.stage.divider_mv(self._now_ns) + noise_mv
        assert number == board.SUPPLY_PIN, f"GPIO{number} carries nothing that could be converted"
        return self.supply_mv / board.SUPPLY_DIVIDER + noise_mv

    def _on_uv(self, number: str, attenuation: str) -> int:
        assert attenuation == "3", "1.65 V and more need 11 dB"
        return round(min(max(self._input_mv(int(number)), _ADC_LOW_MV), _ADC_HIGH_MV)) * 1000

    def _on_raw(self, number: str, _attenuation: str) -> int:
        return min(max(round((self._input_mv(int(number)) - _RAW_LOW_MV) * 4095 / _RAW_MV), 0), 4095)

    def _on_fahrenheit(self) -> int:
        return round(self.temperature_c * 9 / 5 + 32)

    def _on_cause(self) -> int:
        return CAUSES[self._cause]

    def _on_memory(self) -> str:
        return self._memory.hex() or "-"

    def _on_remember(self, data: str) -> int:
        self._memory = bytes.fromhex("" if data == "-" else data)
        return 0

    def _on_radio(self, which: str, *active: str) -> int:
        self.radio_calls.append(" ".join((which, *active)))
        if active:
            self.radios[which] = active[0] == "1"
        return int(self.radios.get(which, False))
