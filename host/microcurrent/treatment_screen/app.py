"""The full-screen view of a treatment. Everything happens in one thread: a timer ticks the runner, then draws."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget

from ..programme import Programme
from ..treatment_runner import FELT, FINISHED, PAUSE, RESUME, SKIP, STOP, STOP_NOW, TreatmentRunner
from . import parts
from .layout import COLUMN, layout
from .seen import Seen
from .zone_map import zone_map

if TYPE_CHECKING:
    from ..interrupts import Interrupts

TICK_S = 0.05
LOST_TICK_S = 0.3  # between two attempts to find a lost board, which take half a second each: keys and picture
END_S, BAD_END_S = 2.5, 8.0  # ours: how long the end is shown; a fault takes longer to read
LEAST_COLUMNS = 16  # in fewer nothing can be read; the treatment goes on
HANG_UP = "SIGHUP"
DRAWS: dict[str, parts.Draw] = {
    "head": parts.head, "place": parts.place, "move": parts.move, "hold": parts.hold, "figures": parts.figures,
    "facts": parts.facts, "impedances": parts.impedances, "terms": parts.terms, "contact": parts.contact,
    "spark": parts.spark, "map": zone_map, "box": parts.box, "notes": parts.notes, "keys": parts.keys,
    "help": parts.help_text,
}  # fmt: skip


class Part(Widget):
    """One part of the screen. shown: what it shows."""

    def __init__(self, name: str, seen: Seen) -> None:
        super().__init__(id=name)
        self._draw = DRAWS[name]
        self._seen = seen
        self.shown = Content("")

    def render(self) -> Content:
        """What it shows now."""
        return self.shown

    def look(self, width: int, rows: int) -> None:
        """Draw anew where something has changed."""
        drawn = self._draw(self._seen, width, rows) if rows and width >= LEAST_COLUMNS else Content("")
        if drawn.plain != self.shown.plain or drawn.spans != self.shown.spans:
            self.shown = drawn
            self.refresh()


class TreatmentApp(App[None]):
    """over: the runner has come to its end. error: what ended this view before that, to be raised by its caller."""

    CSS_PATH = "screen.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", priority=True),
        Binding("d,space", "felt", priority=True),
        Binding("s", "skip", priority=True),
        Binding("q,ctrl+q", "stop", priority=True),
        Binding("question_mark,escape", "toggle_help", priority=True),
        Binding("ctrl+c", "interrupt", priority=True),
    ]

    def __init__(
        self,
        seen: Seen,
        runner: TreatmentRunner,
        interrupts: "Interrupts",
        *,
        every_s: float | None = TICK_S,
    ) -> None:
        """every_s: None leaves it to the caller to call look_after()."""
        super().__init__()
        self._seen = seen
        self._runner = runner
        self._interrupts = interrupts
        self._every_s = every_s
        self._obeyed = 0
        self._unsent = 0  # stops that the link swallowed
        self._next_s = 0.0
        self._close_s = 0.0
        self._parts: list[Part] = []
        self._helping = False
        self.over = False
        self.error: Exception | None = None

    def compose(self) -> ComposeResult:
        """All parts; layout() says which of them are seen."""
        made = {name: Part(name, self._seen) for name in DRAWS}
        self._parts = list(made.values())
        yield made["head"]
        with Horizontal(id="body"):
            yield made["map"]
            with Vertical(id="column"):
                for name in COLUMN:
                    yield made[name]
        for name in ("box", "notes", "help", "keys"):
            yield made[name]

    def on_mount(self) -> None:
        """Begin."""
        self.look_after()
        if self._every_s is not None:
            self.set_interval(self._every_s, self.look_after)

    def on_resize(self, event: events.Resize) -> None:
        """Another size: another layout."""
        self.call_after_refresh(self.draw)

    # The treatment --------------------------------------------------------------------------------------------------

    def look_after(self) -> None:
        """Tick the runner once, obey signals, draw. What goes wrong ends the view and is raised by its caller."""
        try:
            self._tick()
            self.draw()
        except Exception as error:
            self.error = error
            self.exit()

    def _tick(self) -> None:
        now_s = self._seen.now()
        if self.over:
            if now_s >= self._close_s or self._interrupts.count > self._obeyed:
                self.exit()
            return
        self._obey_signals()
        if now_s < self._next_s:
            return
        was_lost = self._runner.lost
        going = self._runner.tick(0.0)
        self._seen.follow(self._runner)
        self._next_s = self._seen.now() + LOST_TICK_S if self._runner.lost else 0.0
        if was_lost and not self._runner.lost and going and self._unsent:
            self._send_stop("a key while the link was lost")
        if not going:
            self.over = True
            good = self._runner.course.ended in (FINISHED, "stopped")
            self._close_s = self._seen.now() + (END_S if good else BAD_END_S)

    def _obey_signals(self) -> None:
        while self._obeyed < min(self._interrupts.count, 2):
            self._obeyed += 1
            self._stop(self._interrupts.name)
        if self._obeyed and self._interrupts.name == HANG_UP:
            self.exit()  # nobody looks any more, and nothing may be written there

    def _stop(self, by: str) -> None:
        """The first time: ramp down; then: off at once."""
        if self.over:
            return
        self._seen.stops += 1
        if self._runner.lost:
            self._unsent += 1
            self._seen.note("the link is lost: the stop is sent as soon as it is back; the board stops by itself")
            return
        self._send_stop(by)

    def _send_stop(self, by: str) -> None:
        self._runner.ask(STOP if self._seen.stops == 1 else STOP_NOW, by)
        self._unsent = self._seen.stops if self._runner.lost else 0

    def _ask(self, what: str) -> bool:
        """True when the board took it."""
        if self._runner.lost:
            self._seen.note(f"the link is lost: {what} cannot be sent")
            return False
        told = self._seen.told
        self._runner.ask(what)
        return self._seen.told == told

    # Keys -----------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """At the end every key closes."""
        return not self.over

    def on_key(self, event: events.Key) -> None:
        """At the end every key closes."""
        if self.over:
            self.exit()

    def action_pause(self) -> None:
        """Pause, or go on."""
        self._ask(RESUME if self._seen.paused else PAUSE)
        self.draw()

    def action_felt(self) -> None:
        """Somebody feels the current: down at once."""
        self._ask(FELT)
        self.draw()

    def action_skip(self) -> None:
        """On to the next step."""
        if self._ask(SKIP):
            self._seen.note(f"skipped: step {max(self._seen.index, 0) + 1}")
        self.draw()

    def action_stop(self) -> None:
        """Ramp down and end; again: off at once."""
        self._stop("a key")
        self.draw()

    def action_interrupt(self) -> None:
        """Ctrl-C, as a signal would have it."""
        self._interrupts.name = "Ctrl-C"
        self._interrupts.count += 1
        self._obey_signals()
        self.draw()

    def action_toggle_help(self) -> None:
        """Keys and figures explained, or the treatment again."""
        self._helping = not self._helping
        self.draw()

    # Drawing --------------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Place all parts and let them look."""
        width, height = self.size
        if not self._parts or not width or not height:
            return
        rows = layout(width, height, self._seen.programme.channels, parts.box_rows(self._seen, width - 2))
        self.query_one("#body").display = not self._helping
        for part in self._parts:
            self._place(part, rows, width, height)

    def _place(self, part: Part, rows: dict[str, int], width: int, height: int) -> None:
        name = part.id or ""
        if name == "help":
            part.display = self._helping
            part.look(width - 2, height - 3 - rows["box"] if self._helping else 0)
            return
        part.display = rows[name] > 0 and not (self._helping and name == "notes")
        if part.styles.height is None or part.styles.height.value != rows[name]:
            part.styles.height = rows[name]
        columns = {"head": width, "keys": width, "notes": width, "box": width - 2, "map": rows["map_width"]}
        if name == "map" and rows["map_width"]:
            part.styles.width = rows["map_width"]
        part.look(columns.get(name, rows["width"]), rows[name])


class FullScreenView:
    """The view that a TreatmentRunner tells and that runs it. say: prints a line, once the screen is gone.

    now: seconds, of any clock.
    """

    def __init__(
        self, programme: Programme, say: Callable[[str], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.seen = Seen(programme, now)
        self._say = say
        self.row, self.note, self.step = self.seen.row, self.seen.note, self.seen.step
        self.cue, self.link = self.seen.cue, self.seen.link

    def run(self, runner: TreatmentRunner, interrupts: "Interrupts") -> None:
        """Show and tick until the treatment is over. However the screen ends, no current flows on without an end.

        Raises what the runner raised.
        """
        app = TreatmentApp(self.seen, runner, interrupts)
        try:
            app.run(mouse=False)
        finally:
            if not runner.course.ended:
                self.wind_up(app, runner, interrupts)
        if app.error is not None:
            raise app.error

    def wind_up(self, app: TreatmentApp, runner: TreatmentRunner, interrupts: "Interrupts") -> None:
        """The screen is gone before its time: ramp down, and go on until that is done."""
        if app.error is None and interrupts.name != HANG_UP:
            self._say("the full-screen view has ended by itself: ramping down; Ctrl-C switches off at once")
        runner.ask(STOP, interrupts.name or "the end of the view")
        obeyed = min(interrupts.count, 1)
        while runner.tick(TICK_S):
            if interrupts.count > obeyed:
                obeyed = interrupts.count
                runner.ask(STOP_NOW, interrupts.name)
