"""The board under test: virtual by default, real with --port.

A scenario with a rung (rungs.py) takes `device`, or `wired` for board and probe, and runs on both. Every other one
needs injection or exact truth, and is left out on a real board. With --frozen the virtual boards have production
images, also with a changed module; what works at the prompt, without main.py or with a module of its own, is left out
then.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from boards.rp2040_pico import board as pico_board
from boards.rp2040_pico_dual import board as dual_board
from firmware.shared import settings, waveform
from microcurrent.bench.pico import VirtualPico
from microcurrent.build import build_firmware
from microcurrent.client import DeviceClient
from microcurrent.errors import MicrocurrentError
from microcurrent.transport import BenchTransport
from tests import frozen

from . import forked, result, rungs, wiring
from .device import SQUARE, Device, Ran
from .real import RealBoard

DECLARED = {"profile": 1, "zone": waveform.ZONES.index("body"), "area_mm2": 1000}  # the widest caps there are
SENSING_CODES = 16  # 8 uA of contact sensing
CONTACT_MS = 400  # contact sensing before the ramp: 5 ms of settling, 300 ms of stable contact, two passes


__all__ = ("CONTACT_MS", "DECLARED", "SENSING_CODES", "SQUARE", "Bench", "Device", "Ran")

_BOOTED: dict[str, "Bench"] = {}  # of this process: the boards that these fixtures hand out
_WIRED: list[wiring.Wired] = []  # the same for board and probe: none or one
_COMMON = {"bench": pico_board, "device": pico_board, "dual": dual_board}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept, left = rungs.divided(config, items)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


def pytest_collection_finish(session: pytest.Session) -> None:
    """Boot the common board once in every worker: that takes longer than most tests, which run in forks of it."""
    config = session.config
    if config.getoption("--port") or config.getoption("collectonly") or _BOOTED:
        return
    used = {fixture for item in session.items for fixture in common_boards(item)} & set(_COMMON)
    for board in {_COMMON[fixture].BOARD: _COMMON[fixture] for fixture in used}.values():
        made = made_bench(*code_of(board.BOARD), {"board": board})
        _BOOTED[board.BOARD] = made
        made.pico.open_port()
        made.pico.run_for_ms(2400 if board.SECOND is None else 2900)  # it has tested itself and said its first line
        made.pico.serial_read()
        made.client.hello()
    if any("wired" in getattr(item, "fixturenames", ()) for item in session.items):
        image, files = code_of(pico_board.BOARD)
        _WIRED.append(wiring.booted_pair(made_bench(image, files, {"load": wiring.LOAD}), frozen.plain()))


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Tests on the common board run in forks of the process that booted it."""
    if item.config.getoption("--port") or not common_boards(item):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in forked.run(item):
        item.ihook.pytest_runtest_logreport(report=report)
    # What an earlier test left set up for this one ended in the child; here nobody else would tear it down.
    item.session._setupstate.teardown_exact(nextitem)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def code_of(board: str, files: dict[str, bytes] | None = None) -> tuple[Path, dict[str, bytes]]:
    """(image, files beside it) of a board, with others than its firmware's files if given."""
    wanted = build_firmware(board).files if files is None else files
    if "/main.py" not in wanted:
        not_frozen()
    return frozen.code(board, wanted)


def not_frozen() -> None:
    """Skip, on a production image, what works at MicroPython's prompt or with files that no image holds."""
    if frozen.chosen():
        pytest.skip("works at the prompt, with files that no production image holds")


def common_boards(item: pytest.Item) -> set[str]:
    """The fixtures with which a test works on a board that is booted once."""
    if item.path.parent != Path(__file__).parent:
        return set()
    return ({"wired"} | set(_COMMON)) & set(getattr(item, "fixturenames", ()))


@dataclass
class Bench(Device):
    """The same on a virtual Pico, which can be inspected and hurt."""

    pico: VirtualPico
    files: dict[str, bytes]

    def __init__(self, pico: VirtualPico, files: dict[str, bytes]) -> None:
        super().__init__(DeviceClient(BenchTransport(pico)))
        self.pico = pico
        self.files = files

    def wait_ms(self, ms: float) -> None:
        """The board's clock is the link's."""
        self.idle_ms(ms)

    def pass_ms(self, ms: float) -> None:
        """Emulated time."""
        self.pico.run_for_ms(ms)

    @property
    def gate_edges(self) -> list[tuple[int, int]]:
        return self.pico.trace.pin_edges(self.pico.board.GATE_PIN)

    def gate_dropped_ns(self, after_ns: int) -> int:
        return next(t_ns for t_ns, level in self.gate_edges if t_ns >= after_ns and level == 0)

    def treated(self) -> list[int]:
        """DAC codes less 2048 from the end of the first contact sensing on: zeros, then +-16 in turn, then the ramp."""
        closed_ns = next(t_ns for t_ns, level in self.gate_edges_of_sessions() if level)
        trace = self.pico.trace
        first = bisect_left(trace.dac_ns, closed_ns)
        codes = [code - 2048 for code in trace.dac_codes[first:]]
        sensing = next(index for index, code in enumerate(codes) if abs(code) == SENSING_CODES)
        return codes[
            next(index for index, code in enumerate(codes) if index > sensing and abs(code) != SENSING_CODES) :
        ]

    def gate_edges_of_sessions(self) -> list[tuple[int, int]]:
        """Gate edges while the output is on the electrodes, so without those of the self-test."""
        dummy = self.pico.trace.pin_edges(self.pico.board.DUMMY_PIN)
        inside = [(on[0], off[0]) for on, off in zip(dummy, [*dummy[1:], (10**18, 0)], strict=True) if on[1]]
        return [edge for edge in self.gate_edges if not any(on <= edge[0] <= off for on, off in inside)]

    def peak_ua(self, from_ns: int, to_ns: int) -> float:
        """Largest |electrode current| in an interval, sampled every microsecond."""
        _t, _commanded, delivered, _voltage = self.pico.trace.current(from_ns, to_ns, 1000)
        return float(abs(delivered).max())


def made_bench(image: Path, files: dict[str, bytes], keywords: dict[str, Any]) -> Bench:
    """A virtual Pico with our firmware that has not run yet; its settings permit what there is at most."""
    options: dict[str, Any] = {"dac_eeprom": (2048, 0)} | keywords
    pico = VirtualPico(image, **options)
    if "flash" not in keywords:
        pico.install_files(files | {"/settings_a": settings.encode_slot(1, settings.defaults() | DECLARED)})
    return Bench(pico, files)


@pytest.fixture
def boot() -> Callable[..., Bench]:
    """Make a virtual Pico with our firmware; keywords go to VirtualPico. It has not run yet.

    files: others than those of its board's firmware.
    """

    def made(files: dict[str, bytes] | None = None, **keywords: Any) -> Bench:
        board = keywords.get("board", pico_board).BOARD
        return made_bench(*code_of(board, files), keywords)

    return made


@pytest.fixture
def bench() -> Bench:
    """A booted virtual Pico, DAC commissioned, typical skin under 10 cm2: this test's own, for it runs in a fork."""
    return _BOOTED[pico_board.BOARD]


@pytest.fixture
def dual() -> Bench:
    """The same with two outputs, typical skin on both."""
    return _BOOTED[dual_board.BOARD]


@pytest.fixture(scope="session")
def real_board(request: pytest.FixtureRequest) -> Iterator[RealBoard | None]:
    """The board on --port, ready for its rung; None without one."""
    if not request.config.getoption("--port"):
        yield None
        return
    board = RealBoard(request.config, DECLARED)
    request.config.stash[result.BOARD] = board
    try:
        board.prepare()
    except (MicrocurrentError, OSError) as error:
        pytest.exit(f"rung {board.rung} cannot begin on {board.port}: {error}", returncode=2)
    yield board
    board.leave()


@pytest.fixture
def device(request: pytest.FixtureRequest, real_board: RealBoard | None) -> Iterator[Device]:
    """The board under test: --port's, or a virtual one."""
    if real_board is None:
        yield request.getfixturevalue("bench")
        return
    with real_board.answering(request.node.nodeid) as client:
        yield Device(client, real_board.rung)
        real_board.restore(client)


@pytest.fixture
def serial_port(real_board: RealBoard | None) -> str:
    """The port of --port, for programs that open it themselves."""
    assert real_board is not None
    return real_board.port


@pytest.fixture
def wired(request: pytest.FixtureRequest, real_board: RealBoard | None) -> Iterator[wiring.Wired]:
    """Board and probe: on --port and --probe-port, or both virtual."""
    if real_board is None:
        yield _WIRED[0]
        return
    with wiring.real(request.getfixturevalue("device"), str(request.config.getoption("--probe-port"))) as both:
        yield both
