"""The report of a session: what it says, that nothing in it can do harm, and how browsers and printers show it."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.shared import faults, protocol, sites
from microcurrent.errors import BadValueError
from microcurrent.record_reader import FILE_NAME, open_stored
from microcurrent.records import Records
from microcurrent.summary import summarize
from microcurrent.treatment import checked_second, checked_wave
from microcurrent.treatment_report import content, saving, series, texts
from microcurrent.treatment_report.charts import nice_ticks, time_ticks
from microcurrent.treatment_report.colours import DARK, LIGHT
from microcurrent.treatment_report.figure_shapes import HEIGHT, WIDTH, figure_of, zone_curves
from tests import chromium

from .conftest import Cli, run_cli
from .treatment_records import ANSWERS, DEVICE, SCREENING, Plan, leave

A4 = (1754, 1240)  # pixels at 150 per inch
HARMFUL = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'{{7*7}}$\\frac{$\u202e\x00\n{%"
WAVE = checked_wave({"amplitude_ua": 200, "frequency_mhz": 10_000, "duration_ms": 10_000})


class Page(HTMLParser):
    """What a browser makes of a page: its elements, their attributes, its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        if "style" not in self.elements[-1:]:
            self.words.append(data)


def page_of(number: str) -> Page:
    """The page of a record, read as a browser reads it."""
    return Page(html_of(number))


def html_of(number: str) -> str:
    with open_stored() as records:
        return saving.content_of(content.read_report(records, number), saving.HTML).decode()


def picture_size(png: bytes, tmp_path: Path) -> tuple[int, ...]:
    target = tmp_path / "size.png"
    target.write_bytes(png)
    return matplotlib.image.imread(target).shape[:2]


def brief(**changes: Any) -> Plan:
    """Twelve steps in a moment."""
    return Plan(step_s=6.0, rate_hz=5.0, **changes)


def begin(records: Records, **more):
    return records.begin(WAVE, DEVICE, port="p", image=None, load=None, **more)


def written(tmp_path: Path, number: str, name: str = "report.html") -> Path:
    """The report as the command line writes it."""
    target = tmp_path / name
    done = run_cli(f"report {number[:8]} -o {target}")
    assert (done.exit_code, done.stdout) == (0, f"report of session {number[:8]} written to {target}\n")
    return target


def test_a_whole_treatment(tmp_path: Path) -> None:
    number = leave(Plan(lift_off_in=(3, 8), felt_in=(6,), pause_in=(7,)))
    html = html_of(number)
    page = Page(html)
    for said in (
        "Facial: lift and tone version 1.2.0",
        "Subject anon-7",
        "How it ended finished as planned",
        "Not a medical device; no claim that it works.",
        "12 of 12 steps begun · paused 20.0 s",
        "Lift-offs 2",
        "180 → 144 µA in step 6",
        "Faults none",
        "Outcome clear: nothing spoke against it",
        "not calibrated: nominal values",
        "none found beyond the maker's own word",
        f"Record {number}",
        DEVICE["uid"],
        "0.2.0 on MicroPython 1.26.1",
    ):
        assert said in page.text, said
    assert page.text.count("of 140") == 2  # what was delivered stands beside what was asked for
    assert page.elements.count("svg") == 1 + 3 + 12  # face, plots, courses
    assert "http" not in html.replace("http-equiv", "").lower() and "url(" not in html and "@import" not in html
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(page.elements)
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in [value for _name, value in page.attributes]
    assert picture_size(written(tmp_path, number, "x.png").read_bytes(), tmp_path) == A4


def test_its_place_in_the_chain_of_records() -> None:
    number = leave(brief())
    with open_stored() as records:
        own = [entry["hash"] for entry in records.rows("chain") if entry["session_id"] == number]
    assert f"Chain hash {own[-1] if own else 'not in the chain'}" in page_of(number).text


def test_two_channels_of_a_treatment(tmp_path: Path) -> None:
    number = leave(brief(two_channels=True, lift_off_in=(2,)))
    page = page_of(number)
    assert "Current, channel 1" in page.text and "Current, channel 2" in page.text
    assert page.text.count("ch. 2") == 12 and page.text.count("90 density") == 12
    assert page.elements.count("svg") == 1 + 4 + 24
    high, wide = picture_size(written(tmp_path, number, "x.png").read_bytes(), tmp_path)
    assert high > A4[0] and wide == A4[1]  # more rows than a page has


def test_a_fault_in_the_middle() -> None:
    answers = {**ANSWERS, "metal": "yes"}
    plan = brief(last_step=5, fault=faults.OVER_CURRENT, ended="fault", calibration="cal-7")
    plan.screening = {**SCREENING, "answers": answers, "outcome": "ask", "acknowledged": "I have asked a professional"}
    page = page_of(leave(plan))
    assert "ended by a fault (over-current)" in page.text
    assert "measured 412 uA, limit 330 uA" in page.text
    assert "5 of 12 steps begun" in page.text and page.text.count("not begun") == 7
    assert "metal: Is there metal under or on the skin" in page.text
    assert "“I have asked a professional”" in page.text and "Calibration cal-7" in page.text


@pytest.mark.parametrize(
    ("ended", "summary", "said"),
    [
        ("refused", {"error": "amplitude_ua is 500; rule zone permits 300"}, "refused: it never began"),
        ("stopped", {}, "stopped before its end"),
        (None, {}, "the program was interrupted"),
        ("meteorite", {}, "meteorite"),
    ],
)
def test_a_record_without_any_row(tmp_path: Path, ended: str | None, summary: dict, said: str) -> None:
    """Of a plain session and of a treatment."""
    programme = {"title": "T", "steps": [{"index": 1, "site": "cheek", "side": "left", "wave": WAVE}]}
    for more in ({}, {"subject": "a", "programme": programme, "screening": SCREENING}):
        with Records() as records:
            record = begin(records, **more)
            if ended:
                record.finish(ended, summary)
            else:
                record._lock.close()  # as the system does when the process dies
        page = page_of(record.number)
        assert said in page.text and "No current flowed" in page.text
        assert summary.get("error", "") in page.text
        assert ("not begun" in page.text) == bool(more)
        assert f"Delivered current {texts.UNKNOWN} none was measured" in page.text
        assert picture_size(written(tmp_path, record.number, "x.png").read_bytes(), tmp_path) == A4


@pytest.mark.parametrize("channels", [1, 2])
def test_a_plain_session(tmp_path: Path, channels: int) -> None:
    second = checked_second({"shape": "sine", "amplitude_ua": 50, "frequency_mhz": 40_000, "area_mm2": 100}, WAVE)
    rows = [flowing(number) for number in range(100)]
    wave2, rows2 = (second, [{**row, "delivered_ua": 31} for row in rows]) if channels == 2 else (None, [])
    with Records() as records:
        record = records.begin(WAVE, DEVICE, port="p", image=None, load="typical", wave2=wave2)
        for number, row in enumerate(rows):
            record.add_telemetry(number, row, rows2[number] if rows2 else None)
        record.accepted({"amplitude_ua": 200, "limit_ua": 300, "binding": "zone", "terms2": {"limit_ua": 100}})
        record.finish("duration", summarize(WAVE, "duration", rows, wave2, rows2))
    page = page_of(record.number)
    assert "Session: 200uA 10Hz square biphasic" in page.text
    assert "Recorded on a virtual board (load typical): no person was treated." in page.text
    assert "no subject named" in page.text and "Screening" not in page.text
    assert ("Current, channel 2" in page.text) == (channels == 2)
    assert page.elements.count("tr") == 1 + channels
    assert written(tmp_path, record.number, "x.png").read_bytes().startswith(b"\x89PNG")


def flowing(number: int, **changes: int) -> dict[str, int]:
    """A row of a session that runs."""
    known = {"time_ms": 5000 + 100 * number, "elapsed_ms": 100 * number, "state": protocol.ACTIVE, "session": 1}
    known |= {"commanded_ua": 200, "delivered_ua": 198, "impedance_ohm": 9000, "contact": protocol.CONTACT_GOOD}
    known |= {"phases": 2 * number, "full_phases": 2 * number, "total_charge_nc": 19_800 * number}
    return {**dict.fromkeys(protocol.TELEMETRY_FIELDS, 0), **known, **changes}


def test_a_treatment_whose_program_was_killed() -> None:
    """Its figures come from the telemetry, step by step."""
    wave = {**WAVE, "zone": "face"}
    steps = [
        {"index": index, "site": "cheek", "side": side, "wave": wave, "amplitude_ua": 200}
        for index, side in enumerate(("left", "right", "middle"), 1)
    ]
    with Records() as records:
        record = begin(records, subject="a", programme={"title": "T", "steps": steps})
        for number in range(120):
            row = flowing(number, session=7 + number // 60, total_charge_nc=19_800 * (number % 60))
            record.add_telemetry(number, row)
        for step in (1, 2):
            record.add_event("step", {"ev": "step", "step": step, "session": 6 + step})
        record.flush()
        record._lock.close()
    page = page_of(record.number)
    assert "2 of 3 steps begun" in page.text and page.text.count("not begun") == 1
    assert page.text.count("198 of 200") == 2
    assert "Charge moved 2.34 mC" in page.text  # of both sessions of the device


def test_an_hour_at_fifty_rows_a_second(tmp_path: Path) -> None:
    """Few points, none of the peaks lost."""
    number = leave(Plan(places=[("cheek", "left", 200, 10_000)], step_s=3600, rate_hz=50, lift_off_in=(1,)))
    with open_stored() as records:
        report = content.read_report(records, number)
    html, png = (saving.content_of(report, ending) for ending in (saving.HTML, saving.PNG))
    assert len(html) < 200_000 and len(png) < 2_000_000
    assert "Lift-offs 1" in Page(html.decode()).text
    assert report.plots is not None and len(report.plots.lost) == 1
    assert all(len(line.points) < 1000 for chart in report.plots.charts for line in chart.lines)


def harmful(value: object) -> object:
    """The same with every text replaced; what decides how it is read stays."""
    if isinstance(value, dict):
        kept = ("ended", "binding", "outcome", "shape", "polarity", "site", "side")
        return {key: entry if key in kept and entry in KNOWN else harmful(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [harmful(entry) for entry in value]
    return HARMFUL if isinstance(value, str) else value


KNOWN = ("square", "sine", "ramped", "biphasic")  # a waveform that cannot be computed is refused, below


def test_no_text_field_can_do_harm(tmp_path: Path) -> None:
    number = leave(brief(last_step=3, fault=faults.SHORT, ended="fault", calibration="c", felt_in=(2,)))
    with open_stored() as records:
        session, rows, events = records.session(number), records.telemetry(number), records.events(number)
    spoilt = harmful(session)
    assert isinstance(spoilt, dict)
    spoilt |= {"load": HARMFUL, "course": HARMFUL}
    spoilt["screening"]["answers"] = {HARMFUL: "yes", f"a{HARMFUL}": "no", f"b{HARMFUL}": HARMFUL}
    spoilt["summary"] |= {"error": HARMFUL, "contact_share_percent": {HARMFUL: 100.0}, "stopped_by": HARMFUL}
    told = [{**event, "detail": harmful(event["detail"])} for event in events]
    report = content.build(spoilt, rows, [], told, HARMFUL)
    html = saving.content_of(report, saving.HTML).decode()
    page = Page(html)
    harmless = Page(html_of(number))
    assert set(page.elements) <= set(harmless.elements)
    assert {name for name, _value in page.attributes} <= {name for name, _value in harmless.attributes}
    assert page.text.count("alert(1)") > 20
    assert "49" not in re.findall(r"\{\{.*?\}\}", html) and "\u202e" not in html and "\x00" not in html
    png = saving.content_of(report, saving.PNG)
    assert picture_size(png, tmp_path)[1] == A4[1]
    target = tmp_path / "harm.html"
    target.write_text(html)
    assert "<script" not in chromium.run(target, "--dump-dom")


def test_characters_that_no_font_has(tmp_path: Path) -> None:
    title = "顔のリフト \U0001f600 " + "long" * 200
    number = leave(brief(texts={"title": title, "source": "ş" * 900}))
    assert "顔のリフト \U0001f600 long" in page_of(number).text
    assert picture_size(written(tmp_path, number, "x.png").read_bytes(), tmp_path)[1] == A4[1]


@pytest.mark.parametrize("programme", [{"steps": [{"wave": {"shape": "square"}}]}, {"steps": "many"}, {"steps": [7]}])
def test_a_record_that_no_version_wrote(programme: dict, tmp_path: Path) -> None:
    with Records() as records:
        record = begin(records, subject="a", programme=programme)
        record.add_telemetry(1, flowing(1))
        record.finish("finished", {"steps": [{"index": 1, "phases": 3}]})
    done = run_cli(f"report -o {tmp_path / 'x.html'}")
    assert done.exit_code == 9
    assert re.fullmatch(r"error: session .*; nothing was written; look at it with: .*\n", done.stderr) or (
        "is damaged" in done.stderr
    )


def test_bad_names_and_places(tmp_path: Path) -> None:
    done = run_cli("report")
    assert done.exit_code == 9 and "there are no records" in done.stderr
    number = leave(brief())
    done = run_cli(f"report -o {tmp_path / 'x.pdf'}")
    assert (done.exit_code, done.stderr) == (
        2,
        "error: x.pdf ends neither in .html nor in .png; nothing was written; choose one of them\n",
    )
    done = run_cli(f"report {number} -o {tmp_path / 'none' / 'x.html'}")
    assert done.exit_code == 9
    assert "cannot be written (No such file or directory); the record is kept; choose another place" in done.stderr
    assert "no records begin with 'zz'" in run_cli("report zz").stderr
    with pytest.raises(BadValueError):
        saving.check_name(Path("report"))


def test_the_name_that_nobody_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    number = leave(brief())
    assert run_cli("report").stdout == f"report of session {number[:8]} written to report-{number[:8]}.html\n"
    assert (tmp_path / f"report-{number[:8]}.html").exists()


def test_reading_changes_nothing(tmp_path: Path) -> None:
    number = leave(brief())
    path = tmp_path / "data" / FILE_NAME
    before = path.read_bytes()
    html_of(number)
    assert path.read_bytes() == before


def test_a_session_on_the_virtual_board(mc: Cli, tmp_path: Path) -> None:
    """The real firmware at emulated time, from the command line to the page."""
    done = mc("run square --amplitude 50uA --frequency 50Hz --duration 1200ms --ramp 100ms")
    assert done.exit_code == 0, done.output
    with open_stored() as records:
        number = records.session("last")["id"]
        report = content.read_report(records, number)
    page = Page(written(tmp_path, number).read_text())
    assert "finished as planned" in page.text and "Lift-offs 0" in page.text
    current = next(figure for figure in report.key_figures if figure.name == "Delivered current")
    assert current.value.startswith(("49", "50", "51")) and "of 50\N{NO-BREAK SPACE}µA commanded" in current.note
    assert report.plots is not None and [chart.unit for chart in report.plots.charts][:2] == ["µA", "kΩ"]
    assert written(tmp_path, number, "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def treatment_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a treatment with twelve steps."""
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("page")
        patch.setenv("MICROCURRENT_DATA_DIR", str(place / "data"))
        target = place / "report.html"
        target.write_text(html_of(leave(Plan(lift_off_in=(3,), felt_in=(6,), pause_in=(7,)))))
        return target


def seen(page: Path, *flags: str, scripts: bool = True) -> np.ndarray:
    """A page as the browser shows it."""
    target = page.with_name("seen.png")
    return matplotlib.image.imread(chromium.screenshot(page, target, (1100, 1900), *flags, scripts=scripts))


def test_by_day_and_by_night(treatment_page: Path) -> None:
    """Paper of its own colour, and everything on it."""
    light, dark = seen(treatment_page), seen(treatment_page, chromium.DARK)
    for shot, colours in ((light, LIGHT), (dark, DARK)):
        red, green, blue = (round(255 * float(part)) for part in shot[5, 5, :3])
        assert f"#{red:02x}{green:02x}{blue:02x}" == colours["paper"]
        assert shot.std() > 0.05
    assert (light != dark).any(axis=2).mean() > 0.9


def test_without_scripts(treatment_page: Path) -> None:
    assert (seen(treatment_page) == seen(treatment_page, scripts=False)).all()
    tried = treatment_page.with_name("tried.html")
    tried.write_text("<p id=x>off</p><script>document.getElementById('x').textContent = 'on'</script>")
    said = [chromium.run(tried, "--dump-dom", scripts=scripts) for scripts in (True, False)]
    assert [">on</p>" in text for text in said] == [True, False]  # they really were forbidden


def test_nothing_is_wider_than_a_phone(treatment_page: Path, tmp_path: Path) -> None:
    """The right edge of the page stays paper: nothing runs out of it."""
    shot = matplotlib.image.imread(chromium.screenshot(treatment_page, tmp_path / "phone.png", (500, 5000)))
    edge = shot[:, -6:, :3]
    assert (edge == edge[0, 0]).all()
    assert shot[2500:, :, :3].std() > 0.02  # the steps stand below one another


def test_no_request_leaves(treatment_page: Path, tmp_path: Path) -> None:
    assert chromium.requests(treatment_page, tmp_path / "net.json") == set()
    asking = tmp_path / "asking.html"
    asking.write_text('<img src="http://192.0.2.1/x.png"><link rel="stylesheet" href="https://example.invalid/a.css">')
    assert chromium.requests(asking, tmp_path / "net.json") == {"192.0.2.1", "example.invalid"}


@pytest.mark.parametrize(
    "plan",
    [
        brief(lift_off_in=(3,), felt_in=(6,)),
        brief(two_channels=True),
        brief(last_step=5, fault=faults.OVER_CURRENT, ended="fault"),
        brief(places=[("knee", "left", 250, 30_000), ("cheek", "left", 100, 10_000)]),
    ],
    ids=["twelve steps", "two channels", "fault", "face and body"],
)
def test_two_printed_pages(tmp_path: Path, plan: Plan) -> None:
    printed = pypdf.PdfReader(chromium.pdf(written(tmp_path, leave(plan)), tmp_path / "x.pdf"))
    assert len(printed.pages) == 2
    wide, high = (float(side) for side in printed.pages[0].mediabox[2:])
    assert (round(wide), round(high)) == (595, 842)
    assert "Zones and steps" in printed.pages[1].extract_text()


LINES = st.lists(st.none() | st.integers(-1000, 1000), max_size=400)


@given(LINES, st.integers(1, 40))
def test_thinning_keeps_what_sticks_out(values: list[int | None], buckets: int) -> None:
    points: list[series.Point] = [(float(at), value) for at, value in enumerate(values)]
    kept = series.thinned(points, buckets)
    assert len(kept) <= 2 * (buckets + 1)
    assert set(kept) <= set(points)
    assert all(before[0] < after[0] for before, after in pairwise(kept))
    known = [value for value in values if value is not None]
    shown = [value for _at, value in kept if value is not None]
    assert (min(known, default=0), max(known, default=0)) == (min(shown, default=0), max(shown, default=0))


@given(st.floats(-1e6, 0), st.floats(1e-3, 1e7))
def test_ticks_are_round_and_few(low: float, high: float) -> None:
    ticks, distance = nice_ticks(low, high)
    assert 1 <= len(ticks) <= 8
    assert len({label for _value, label in ticks}) == len(ticks)
    assert any(value == 0 for value, _label in ticks)
    assert distance > 0


@given(st.floats(0.05, 20_000))
def test_the_time_axis_has_room(end_s: float) -> None:
    ticks = time_ticks(end_s)
    assert 1 <= len(ticks) <= 9
    assert ticks[0] == (0, "0") and ticks[-1][0] <= end_s * 1.001


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_a_share_is_all_or_nothing_only_when_it_is(part: int, of: int) -> None:
    shown = texts.percent(min(part, of), of)
    assert (shown.startswith("100")) == (part >= of)
    assert (shown == "0\N{NO-BREAK SPACE}%") == (part == 0)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (texts.charge(850), "850 nC"),
        (texts.charge(12_340), "12.3 µC"),
        (texts.charge(-1_580_000), f"{texts.MINUS}1.58 mC"),
        (texts.resistance(509), "509 Ω"),
        (texts.resistance(9_999), "10.0 kΩ"),
        (texts.resistance(1_200_000), "1.20 MΩ"),
        (texts.current(12_345), f"12{chr(0x202F)}345 µA"),
        (texts.duration(8_500), "8.5 s"),
        (texts.duration(750_000), "12 min 30 s"),
        (texts.duration(3_600_000), "1 h 0 min"),
        (texts.frequency(300), "0.3 Hz"),
        (texts.instant("2026-03-01T14:05:59.1+00:00"), "2026-03-01 14:05 UTC"),
        (texts.instant("soon"), "soon"),
        (texts.resistance(None), texts.UNKNOWN),
        (texts.clean("a\tb\u202e\x00  c"), "a b c"),
    ],
)
def test_numbers_as_people_read_them(shown: str, text: str) -> None:
    assert shown.replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize("side", sites.SIDES)
def test_every_site_has_its_place_on_a_figure(side: str) -> None:
    for site in sites.SITES:
        assert figure_of(site) == ("body" if sites.zone_of(site) == "body" else "face")
        curves = zone_curves(site, side)
        assert 1 <= len(curves) <= 2
        for curve in curves:
            x, y = curve.centre
            assert 0 < x < WIDTH and 0 < y < HEIGHT
            assert {"left": x > WIDTH / 2, "right": x < WIDTH / 2}.get(side, True)  # seen from the front
    assert figure_of("wing") is None and zone_curves("wing", side) == []


def test_charge_goes_on_from_one_device_session_to_the_next() -> None:
    rows = [flowing(number, session=1 + number // 3, total_charge_nc=10 * (number % 3)) for number in range(9)]
    assert series.total_charge(rows) == [0, 10, 20, 20, 30, 40, 40, 50, 60]
