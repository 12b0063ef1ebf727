"""The full-screen view without a board: every size, every text, every state; and on a real pseudo-terminal."""

import asyncio
import os
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from firmware.shared import protocol, sites
from microcurrent.interrupts import Interrupts
from microcurrent.programme import Programme, Step
from microcurrent.treatment_runner import Course, StepRun, TreatmentRunner
from microcurrent.treatment_screen import parts
from microcurrent.treatment_screen.app import DRAWS, LEAST_COLUMNS, Part, TreatmentApp
from microcurrent.treatment_screen.big_figures import bars, big
from microcurrent.treatment_screen.face_map import SITES, FaceMap
from microcurrent.treatment_screen.fitting import fitted
from microcurrent.treatment_screen.guidance import guidance
from microcurrent.treatment_screen.layout import layout
from microcurrent.treatment_screen.seen import Seen
from microcurrent.treatment_screen.zone_map import zone_map

from .test_terminals import Shell, booted

HANG_S = 120  # a hang, not a slow machine
ODD = "[bold red]文字[/] " + "e\u0301" * 3 + " \\[ ]] " + "x" * 300
WAVE = {"duration_ms": 10_000}
TERMS = {"session": 1, "amplitude_ua": 240, "limit_ua": 300, "binding": "zone"}
FAULT = "fault 9 open-electrode: no contact (looked for 20000 ms, limit 20000 ms); output is off and latched; " * 2


def made(*places: tuple[str, str], channels: int = 1, text: str = "glide", hold_ms: int = 4000) -> Programme:
    """A programme with a step for each place."""
    device: dict[str, Any] = {"wave": WAVE, "hold_ms": hold_ms} | ({"wave2": {}} if channels > 1 else {})
    steps = tuple(Step(site, side, device, move=text, cue=text) for site, side in places)
    return Programme("trial", text, "1", "home", text, text, "", (), (), steps)


def row(**changes: int) -> dict[str, int]:
    """A telemetry row in the middle of a step."""
    flowing = {"session": 1, "state": protocol.ACTIVE, "elapsed_ms": 4500, "remaining_ms": 5500, "commanded_ua": 240,
               "delivered_ua": 238, "impedance_ohm": 10_040, "contact": protocol.CONTACT_GOOD}  # fmt: skip
    return dict.fromkeys(protocol.TELEMETRY_FIELDS, 0) | flowing | changes


def seen_at(programme: Programme, now_s: float = 0.0, **changes: int) -> Seen:
    """What is seen in the first step."""
    seen = Seen(programme, lambda: now_s)
    seen.step(0, TERMS | ({"terms2": TERMS} if programme.channels > 1 else {}))
    seen.row(row(**changes), row(**changes) if programme.channels > 1 else None)
    return seen


def between(seen: Seen) -> None:
    seen.cue("relocate", len(seen.programme.steps) - 1)


STATES: dict[str, Callable[[Seen], object]] = {
    "flowing": lambda _seen: None,
    "ended": lambda seen: setattr(seen, "ended", "finished"),
    "fault": lambda seen: setattr(seen, "fault", FAULT),
    "lost": lambda seen: seen.link(False),
    "stopping": lambda seen: setattr(seen, "stops", 1),
    "paused": lambda seen: setattr(seen, "state", "PAUSED"),
    "between": between,
    "hold": lambda seen: seen.cue("hold", 0),
    "noted": lambda seen: [seen.note(ODD + str(number)) for number in range(20)],
    "no contact": lambda seen: seen.row(row(sensing=1, contact=protocol.CONTACT_OPEN, impedance_ohm=-1), None),
    "dry": lambda seen: seen.row(row(contact=protocol.CONTACT_DRY), None),
}


@given(
    st.integers(16, 150),
    st.integers(1, 50),
    st.sampled_from([1, 2]),
    st.sampled_from(sorted(STATES)),
    st.lists(st.tuples(st.sampled_from(sites.SITES), st.sampled_from(sites.SIDES)), min_size=1, max_size=48),
    st.one_of(st.just(ODD), st.text(max_size=400)),
)
@example(40, 15, 1, "fault", [("cheek", "left")], ODD)
@example(80, 24, 2, "noted", [("knee", "left")], ODD)
@example(120, 40, 1, "flowing", [("brow", "middle"), ("brow", "middle")], "")
def test_everything_fits_whatever_it_says(
    width: int, height: int, channels: int, state: str, places: list[tuple[str, str]], text: str
) -> None:
    seen = seen_at(made(*places, channels=channels, text=text))
    STATES[state](seen)
    rows = layout(width, height, channels, parts.box_rows(seen, width - 2))
    used = sum(count for name, count in rows.items() if name not in ("map", "map_width", "width"))
    assert used == height
    widths = {"head": width, "keys": width, "notes": width, "box": width - 2, "map": rows["map_width"]}
    for name, draw in DRAWS.items():
        room, most = widths.get(name, rows["width"]), rows.get(name, height)
        if most <= 0 or room < LEAST_COLUMNS:
            continue
        lines = draw(seen, room, most).plain.split("\n")
        assert len(lines) <= most, name
        for line in lines:
            assert line == "" or cell_len(line) <= room, (name, room, line)


def test_what_is_seen_at_each_size() -> None:
    """Place, current, time, contact and what to do are there at any size; the map from 70 columns on."""
    sizes = {(40, 15): 0, (40, 30): 0, (69, 24): 0, (80, 24): 28, (120, 40): 44}
    for (width, height), map_width in sizes.items():
        rows = layout(width, height, 1, 4)
        assert rows["map_width"] == map_width, (width, height)
        assert all(rows[part] for part in ("place", "figures", "contact", "box", "hold", "terms", "keys", "spark"))
        assert rows["facts"] or rows["figures"] >= 8
    assert layout(120, 40, 1, 4)["figures"] >= 13  # large ones
    assert layout(80, 24, 1, 7)["box"] == 7  # a long text takes the notes' rows


def test_the_hold_counts_treatment_time() -> None:
    seen = seen_at(made(("cheek", "left")), elapsed_ms=4500, remaining_ms=5500)
    assert seen.hold_left_ms == 3500 and "4 s" in parts.hold(seen, 40, 1).plain
    seen.row(row(elapsed_ms=8500, remaining_ms=1500), None)
    assert seen.hold_left_ms == 1500  # the step ends first
    seen.cue("hold", 0)
    assert "next movement" in parts.hold(seen, 40, 1).plain
    assert "step" in parts.hold(seen_at(made(("cheek", "left"), hold_ms=0)), 40, 1).plain


def test_the_person_s_left_is_on_the_right_of_the_picture() -> None:
    face = FaceMap(44, 24)
    for site in SITES:
        left, middle, right = (face.cell(site, side)[0] for side in ("left", "middle", "right"))
        assert right < middle < left, site
        full, half = (face.patch(site, "left", full=each) for each in (True, False))
        assert face.cell(site, "left") in full and set(half) <= set(full) and half != full
    assert set(SITES) == {site for site in sites.SITES if sites.is_face(site)}
    lines = FaceMap(28, 13).lines()
    assert len(lines) == 13 and all(len(line) == 28 for line in lines)


def test_big_figures() -> None:
    assert big("1:0", large=False) == [" ▄    ▄▄▄", "▀█  ▀ █ █", "▄█▄ ▀ █▄█"]
    assert big("7 uA", large=True)[0] == "██████    "
    assert bars([0.0, 0.1, 50.0, 100.0, None], 100.0, 2) == ["   █ ", " ▁██ "]


def test_long_texts_are_cut_with_an_ellipsis() -> None:
    assert fitted("one two three four", 9, 2) == ["one two", "three…"]
    assert fitted("文字文字文字", 5, 2) == ["文字", "文字…"]
    assert fitted("a\x1b[31mb\nc", 20, 1) == ["a [31mb c"]
    assert fitted("x", 0, 3) == []


def test_every_end_is_told() -> None:
    for ended in ("finished", "stopped", "pause", "lease", "link-lost", "device-reset", "refused", "damaged"):
        seen = seen_at(made(("cheek", "left")))
        seen.ended, seen.end_text, seen.stopped_by = ended, "because", "a key"
        told = guidance(seen)
        assert told.text and told.title and "because" in told.text
        assert ended in parts.head(seen, 80, 1).plain


def test_the_map_says_how_each_place_went() -> None:
    seen = seen_at(made(("jaw", "left"), ("chin", "middle"), ("cheek", "left"), ("ear", "left")))
    seen.step(2, TERMS)
    seen.outcomes = {0: "duration", 1: "stopped", 2: ""}
    running = zone_map(seen, 44, 24).plain
    assert "✓ done  ● now  ○ next  » skipped" in running and running.count("»") == 2
    seen.ended, seen.outcomes = "fault", {0: "duration", 1: "skipped", 2: "fault"}
    assert "! cut short" in zone_map(seen, 44, 24).plain
    body = seen_at(made(("knee", "left"), ("hip", "right")))
    body.ended, body.outcomes = "lease", {0: "lease"}
    assert zone_map(body, 28, 15).plain.split() == "! 1 left knee lease ○ 2 right hip 0:10".split()


def test_the_help_names_the_way_out_on_the_smallest_screen() -> None:
    assert "q, Ctrl-C   stop" in parts.help_text(seen_at(made(("jaw", "left"))), 38, 10).plain


class Scripted:
    """Stands for a runner: each tick does the next thing; then it is over."""

    lost = held = False
    state = "ACTIVE"

    def __init__(self, *acts: Callable[[], object]) -> None:
        self.course = Course(steps=[StepRun(0, 1, TERMS)])
        self.asked: list[tuple[str, str]] = []
        self._acts = list(acts)

    def tick(self, _timeout_s: float) -> bool:
        if self._acts:
            self._acts.pop(0)()
        return not self.course.ended

    def ask(self, what: str, by: str = "a key") -> None:
        self.asked.append((what, by))


def app_of(seen: Seen, runner: Scripted) -> TreatmentApp:
    return TreatmentApp(seen, cast(TreatmentRunner, runner), Interrupts(), every_s=None)


def test_the_terminal_may_change_its_size_at_any_time() -> None:
    seen = seen_at(made(("cheek", "left"), ("knee", "left"), text=ODD))
    app = app_of(seen, Scripted())

    async def play() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            for width, height in ((40, 15), (120, 40), (12, 4), (1, 1), (69, 24), (200, 60), (80, 24)):
                await pilot.resize_terminal(width, height)
                await pilot.pause()
                app.look_after()
                await pilot.pause()
                tops = [part.region.y for part in app.query(Part) if part.display and part.id not in ("map",)]
                assert tops == sorted(tops) and app.error is None
                bottom = max(part.region.bottom for part in app.query(Part) if part.display)
                assert bottom <= height, (width, height)
                assert app.query_one("#map", Part).display == (width >= 70)
                assert app.query_one("#keys", Part).region.bottom <= height

    asyncio.run(play())


@pytest.mark.parametrize("no_color", [False, True])
def test_words_stand_beside_colours(monkeypatch: pytest.MonkeyPatch, no_color: bool) -> None:
    """Also where there is no colour at all."""
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    seen = seen_at(made(("cheek", "left")))
    app = app_of(seen, Scripted())

    async def play() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            shown = {part.id or "": part.shown.plain for part in app.query(Part)}
            assert "current flows" in shown["head"] and "● good" in shown["contact"]
            assert "● now" in shown["map"] and "person's left" in shown["map"]
            picture = app.export_screenshot()
            assert ("#7fd08f" in picture) != no_color

    asyncio.run(play())


def test_keys_reach_the_runner_and_a_lost_link_is_said() -> None:
    seen = seen_at(made(("cheek", "left"), ("cheek", "right")))
    runner = Scripted()
    app = app_of(seen, runner)

    async def play() -> None:
        async with app.run_test() as pilot:
            await pilot.press("p", "d", "space", "s", "x", "question_mark", "p", "escape")
            assert [what for what, _by in runner.asked] == ["pause", "felt", "felt", "skip", "pause"]
            runner.lost = True
            app.look_after()
            await pilot.press("p", "q")
            assert len(runner.asked) == 5 and seen.stops == 1
            assert "link is lost: pause cannot be sent" in " ".join(text for _at, text in seen.notes)
            runner.course.ended = "link-lost"

    asyncio.run(play())


# On a pseudo-terminal of its own, with a virtual board that keeps pace with the wall clock ----------------------------

ONE_STEP = """title = "Trial"
version = "1"
source = "a test"
evidence = "none"
[[step]]
site = "cheek"
side = "left"
shape = "square"
frequency = "20Hz"
amplitude = "50%"
duration = "5min"
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """With one virtual Pico, the only board that is found."""
    made = Shell(tmp_path_factory.mktemp("t"))
    with pytest.MonkeyPatch.context() as monkeypatch, booted(made, "screen", monkeypatch):
        yield made


class Terminal:
    """`microcurrent treat` on a pseudo-terminal of this size."""

    def __init__(self, shell: Shell, columns: int, rows: int, options: str = "", term: str = "xterm-256color") -> None:
        programme, answers = shell.place / "trial.toml", shell.place / "answers.toml"
        programme.write_text(ONE_STEP)
        self.subject = f"size-{columns}-{rows}{options}-{term}"
        answers.unlink(missing_ok=True)
        shell.run(f"screening template {answers} --subject {self.subject}")
        text = answers.read_text().replace('= ""', '= "no"').replace('acknowledged = "no"', 'acknowledged = ""')
        answers.write_text(text)
        self._ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (rows, columns))
        self.before = termios.tcgetattr(theirs)
        self._theirs = theirs
        line = f"treat {programme} --subject {self.subject} --screening {answers} {options}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from microcurrent.cli import main; main()", *line.split()],
            env=shell.environment | {"TERM": term, "PYTHONIOENCODING": "utf-8"}, stdin=theirs, stdout=theirs,
            stderr=theirs, start_new_session=True,
        )  # fmt: skip
        self.written = ""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def until(self, text: str) -> None:
        """Read up to this text."""
        while text not in self.written:
            ready, _, _ = select.select([self._ours], [], [], HANG_S)
            assert ready, self.written
            self.written += os.read(self._ours, 65536).decode(errors="replace")

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def attributes(self) -> list[Any]:
        """How the terminal is set now."""
        return termios.tcgetattr(self._theirs)


def test_on_a_terminal_it_fills_the_screen_and_leaves_it_clean(shell: Shell) -> None:
    with Terminal(shell, 80, 24) as terminal:
        terminal.until("current flows")
        assert "\x1b[?1049h" in terminal.written
        terminal.type("\x03")
        terminal.until("RAMPING DOWN")
        terminal.until("see it with: microcurrent report")
        assert terminal.process.wait(HANG_S) == 130
        screen, after = terminal.written.rsplit("\x1b[?1049l", 1)
        assert "stopped: Ctrl-C" in after and "\x1b[?1049h" in screen
        assert terminal.attributes() == terminal.before and "\x1b[?25h" in terminal.written[len(screen) - 200 :]


@pytest.mark.parametrize(
    ("columns", "rows", "options", "term"),
    [(39, 24, "", "xterm"), (80, 14, "", "xterm"), (80, 24, "--plain", "xterm"), (80, 24, "", "dumb")],
)
def test_elsewhere_it_prints_plain_lines(shell: Shell, columns: int, rows: int, options: str, term: str) -> None:
    with Terminal(shell, columns, rows, options, term) as terminal:
        terminal.until("step 1 of 1")
        assert "\x1b[?1049h" not in terminal.written
        os.killpg(terminal.process.pid, signal.SIGTERM)
        terminal.until("stopped: SIGTERM")
        assert terminal.process.wait(HANG_S) == 130
