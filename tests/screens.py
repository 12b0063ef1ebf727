"""The full-screen view on a board at emulated time: a hand moves the load, keys are pressed, the screen is read."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot

from microcurrent.client import DeviceClient
from microcurrent.interrupts import Interrupts
from microcurrent.programme import Programme
from microcurrent.programme_library import Library
from microcurrent.programme_limits import for_board
from microcurrent.treatment_runner import TreatmentRunner
from microcurrent.treatment_screen.app import FullScreenView, Part, TreatmentApp
from tests.hil.conftest import Bench

HEAD = 'title = "Trial"\nversion = "1"\nsource = "a test"\nevidence = "none"\n'
THREE_STEPS = f"""{HEAD}
[defaults]
shape = "square"
frequency = "20Hz"
amplitude = "50%"
ramp = "300ms"
duration = "4s"
hold = "2s"
move_time = "1s"
cue = "Glide up, then lift off."
[[step]]
site = "jaw"
side = "left"
move = "from the chin to the ear"
[[step]]
site = "cheek"
side = "right"
[[step]]
site = "forehead"
"""
AREA_MM2 = 1000
LOOK_MS = 50

Scenario = Callable[["Watched"], Awaitable[None]]


def programme(text: str, folder: Path) -> Programme:
    """The programme that a file with this text is."""
    path = folder / "trial.toml"
    path.write_text(text)
    return Library(str(folder)).load(str(path))


class Watched:
    """A treatment that runs on a board, and the screen that shows it."""

    def __init__(self, bench: Bench, made: Programme, client: DeviceClient | None = None) -> None:
        """client: another one than the board's own."""
        self.bench = bench
        client = client or bench.client
        self.now = client.transport.now
        self.lines: list[str] = []  # printed once the screen is gone
        self.view = FullScreenView(made, self.lines.append, self.now)
        self.seen = self.view.seen
        self.runner = TreatmentRunner(client, made, self.view)
        self.interrupts = Interrupts()
        self.app = TreatmentApp(self.seen, self.runner, self.interrupts, every_s=None)
        self.pilot: Pilot[None] | None = None
        self._made = made

    def watch(self, scenario: Scenario, size: tuple[int, int] = (80, 24)) -> None:
        """Begin the treatment and play the scenario while it is on the screen."""
        self.runner.begin(for_board(self._made, AREA_MM2))

        async def play() -> None:
            async with self.app.run_test(size=size) as self.pilot:
                await scenario(self)
            if self.app.error is not None:
                raise self.app.error

        asyncio.run(play())

    def look(self) -> None:
        """As long as between two looks of the real one, and that look."""
        self.bench.pico.run_for_ms(LOOK_MS)
        self.app.look_after()

    def run(self, seconds: float) -> None:
        """Let it run."""
        ends_s = self.now() + seconds
        while self.now() < ends_s:
            self.look()

    def until(self, text: str, part: str = "head", limit_s: float = 30) -> None:
        """Let it run until a part of the screen shows a text."""
        ends_s = self.now() + limit_s
        while text not in self.text(part):
            assert self.now() < ends_s, (text, self.all_texts())
            self.look()

    async def press(self, *keys: str) -> None:
        """Press keys, and look."""
        assert self.pilot is not None
        await self.pilot.press(*keys)
        self.look()

    def text(self, part: str) -> str:
        """What a part of the screen shows."""
        return self.app.query_one(f"#{part}", Part).shown.plain

    def all_texts(self) -> dict[str, str]:
        """What all parts show that are seen."""
        return {part.id or "": part.shown.plain for part in self.app.query(Part) if part.display}
