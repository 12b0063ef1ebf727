"""The screening gate: who may be treated, who is refused, and that there is no way around it."""

import ast
import inspect
import itertools
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microcurrent import screening
from microcurrent.errors import BadValueError, MicrocurrentError, RecordError, RefusedError
from microcurrent.records import Records
from microcurrent.screening import ACKNOWLEDGEMENT, Asker
from microcurrent.screening_questions import ASK, BY_ID, QUESTIONS, REFUSE, Question

from .conftest import run_cli

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ALL_NO = {question.id: "no" for question in QUESTIONS}
REFUSING = [question.id for question in QUESTIONS if question.kind == REFUSE]
ASKING = [question.id for question in QUESTIONS if question.kind == ASK]
FACE, BODY = ("cheek", "jaw"), ("knee",)


@pytest.fixture
def records() -> Iterator[Records]:
    with Records() as opened:
        yield opened


def answering(answers: dict[str, str], typed: str = "") -> Asker:
    return Asker(lambda question: answers[question.id], lambda _verdict: typed)


def nobody(_question: Question) -> str:
    raise AssertionError("nobody was to be asked")


ASKS_NOBODY = Asker(nobody, lambda _verdict: "")


def required(records: Records, asker: Asker, *, now: datetime = NOW, sites=FACE, changed=None) -> dict:
    return screening.require(records, "A17", file=None, interactive=asker, sites=sites, now_utc=now, changed=changed)


def from_file(records: Records, file: Path, now: datetime = NOW) -> dict:
    return screening.require(records, "A17", file=file, interactive=None, sites=FACE, now_utc=now)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """A screening file as somebody filled it in, last written `age` before NOW."""

    def written(
        answers: dict, *, acknowledged: str = "", age: timedelta = timedelta(0), name: str = "s.json", **more: str
    ) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps({"answers": answers, "acknowledged": acknowledged, **more}))
        stamp = (NOW - age).timestamp()
        os.utime(path, (stamp, stamp))
        return path

    return written


def test_every_question_has_words_and_a_source() -> None:
    assert len(BY_ID) == len(QUESTIONS)
    for question in QUESTIONS:
        assert question.kind in (REFUSE, ASK)
        assert question.text.endswith("?")
        assert any(source in question.why for source in ("NuFACE", "IEC", "other makers", "ours")), question.id
        assert "\n" not in question.why


@pytest.mark.parametrize("name", REFUSING)
def test_a_refusing_yes_outweighs_everything(name: str) -> None:
    verdict = screening.judge({**ALL_NO, "skin": "yes", name: "yes"})
    assert verdict.outcome == "refused"
    assert [reason.partition(":")[0] for reason in verdict.reasons] == [name]


@pytest.mark.parametrize("name", ASKING)
def test_an_asking_yes(name: str) -> None:
    verdict = screening.judge({**ALL_NO, name: "yes"})
    assert (verdict.outcome, len(verdict.reasons)) == ("ask", 1)
    assert verdict.reasons[0].startswith(f"{name}: ")


@pytest.mark.parametrize("name", ALL_NO)
@pytest.mark.parametrize("odd", ["", None, "maybe", "Yes", "NO", "n", True, False, 0, 1, [], {}, "no "])
def test_an_odd_answer_is_no_answer(name: str, odd: object) -> None:
    with pytest.raises(BadValueError, match=name):
        screening.judge({**ALL_NO, name: odd})


@pytest.mark.parametrize("name", ALL_NO)
def test_a_missing_answer_is_no_answer(name: str) -> None:
    answers = {key: value for key, value in ALL_NO.items() if key != name}
    with pytest.raises(BadValueError, match=f"not answered: {name};"):
        screening.judge(answers)
    if BY_ID[name].face_only:
        assert screening.judge(answers, face=False).outcome == "clear"


def test_an_answer_to_no_question() -> None:
    with pytest.raises(BadValueError, match="there is no question 'pacemaker'"):
        screening.judge({**ALL_NO, "pacemaker": "no"})


SCALARS = st.sampled_from(["yes", "no", "", "y", None, True, 0])


@given(st.dictionaries(st.sampled_from([*ALL_NO, "other"]), SCALARS), st.booleans())
def test_judge_never_overlooks_a_yes(answers: dict, face: bool) -> None:
    try:
        verdict = screening.judge(answers, face)
    except BadValueError:
        return
    assert set(answers.values()) <= {"yes", "no"}
    kinds = {BY_ID[name].kind for name, value in answers.items() if value == "yes"}
    assert verdict.outcome == ("refused" if REFUSE in kinds else "ask" if kinds else "clear")


def test_clear_holds_for_thirty_days(records: Records) -> None:
    result = required(records, answering(ALL_NO))
    assert (result["outcome"], result["acknowledged"], result["subject"]) == ("clear", None, "A17")
    assert result["answers"] == ALL_NO
    assert result["at_utc"] == "2026-03-10T12:00:00.000+00:00"
    told = []

    def changed(day: str) -> str:
        told.append(day)
        return "no"

    again = required(records, ASKS_NOBODY, now=NOW + 30 * DAY, changed=changed)
    assert again == result
    assert told == ["2026-03-10"]
    with pytest.raises(AssertionError, match="nobody"):
        required(records, ASKS_NOBODY, now=NOW + 30 * DAY + timedelta(seconds=1), changed=changed)
    assert len(screening.stored_results(records, "A17")) == 1


def test_asked_anew_after_a_change(records: Records) -> None:
    required(records, answering(ALL_NO))
    with pytest.raises(RefusedError, match=r"A17 is not treated. pregnancy: "):
        required(records, answering({**ALL_NO, "pregnancy": "yes"}), now=NOW + DAY, changed=lambda _day: "yes")
    assert screening.current(records, "A17", NOW + DAY) is None  # the older one does not hold any more


@pytest.mark.parametrize("odd", ["", "n", "No", True, None])
def test_an_odd_answer_to_whether_anything_changed(records: Records, odd: str) -> None:
    required(records, answering(ALL_NO))
    with pytest.raises(BadValueError):
        required(records, ASKS_NOBODY, changed=lambda _day: odd)


def test_without_that_question_everything_is_asked(records: Records) -> None:
    required(records, answering(ALL_NO))
    with pytest.raises(AssertionError, match="nobody"):
        required(records, ASKS_NOBODY, now=NOW + DAY)


def test_each_subject_for_itself(records: Records) -> None:
    required(records, answering(ALL_NO))
    assert screening.current(records, "A17", NOW)
    assert screening.current(records, "a17", NOW) is None
    assert screening.current(records, "B2", NOW) is None


def test_clock_set_back(records: Records) -> None:
    required(records, answering(ALL_NO))
    assert screening.current(records, "A17", NOW - timedelta(seconds=1)) is None
    with pytest.raises(AssertionError, match="nobody"):
        required(records, ASKS_NOBODY, now=NOW - DAY, changed=lambda _day: "no")


def test_a_refusal_after_the_clock_was_set_back_counts(records: Records) -> None:
    required(records, answering(ALL_NO))
    with pytest.raises(RefusedError):
        required(records, answering({**ALL_NO, "cancer": "yes"}), now=NOW - DAY)
    assert screening.current(records, "A17", NOW + DAY) is None


def test_refused_and_asked_anew(records: Records) -> None:
    with pytest.raises(RefusedError, match=r"electronics: .*no current has flowed, the answers are kept"):
        required(records, answering({**ALL_NO, "electronics": "yes"}, ACKNOWLEDGEMENT))
    [row] = screening.stored_results(records, "A17")
    assert (row["outcome"], row["acknowledged"]) == ("refused", None)
    assert required(records, answering(ALL_NO), now=NOW + DAY)["outcome"] == "clear"


@pytest.mark.parametrize("typed", ["", "y", "yes", "ok", "I have not asked a professional", f"{ACKNOWLEDGEMENT} not"])
def test_an_acknowledgement_is_typed_in_full(records: Records, typed: str) -> None:
    with pytest.raises(RefusedError, match=r"professional's word is needed first and .*skin: "):
        required(records, answering({**ALL_NO, "skin": "yes"}, typed))
    [row] = screening.stored_results(records, "A17")
    assert (row["outcome"], row["acknowledged"]) == ("ask", None)
    assert screening.current(records, "A17", NOW) is None


@pytest.mark.parametrize("typed", [ACKNOWLEDGEMENT, " i have  asked a professional. "])
def test_acknowledged(records: Records, typed: str) -> None:
    result = required(records, answering({**ALL_NO, "skin": "yes"}, typed))
    assert (result["outcome"], result["acknowledged"]) == ("ask", ACKNOWLEDGEMENT)
    assert screening.current(records, "A17", NOW + DAY) == result


def test_face_sites_need_the_questions_about_the_face(records: Records) -> None:
    asked = []
    asker = Asker(lambda question: asked.append(question.id) or "no", lambda _verdict: "")
    required(records, asker, sites=BODY)
    assert "neck" not in asked
    assert "electronics" in asked
    assert screening.current(records, "A17", NOW, face=False)
    assert screening.current(records, "A17", NOW) is None
    asked.clear()
    required(records, asker, now=NOW + DAY, changed=lambda _day: "no")
    assert asked == list(ALL_NO)


def test_unknown_site(records: Records) -> None:
    with pytest.raises(BadValueError, match="'eyeball' is no site; nothing was asked"):
        required(records, ASKS_NOBODY, sites=("eyeball",))


@pytest.mark.parametrize("subject", ["", "Jane Doe", "a" * 33, "x\n", "ä"])
def test_odd_subject(records: Records, subject: str) -> None:
    with pytest.raises(BadValueError):
        screening.require(records, subject, file=None, interactive=ASKS_NOBODY, sites=FACE, now_utc=NOW)


def test_a_stored_row_is_judged_by_the_present_questions(records: Records) -> None:
    """Of an older version that asked less, or edited."""
    for answers in ({"electronics": "no"}, [], {**ALL_NO, "cancer": "yes"}):
        kept = {"id": repr(answers), "subject": "A17", "at_utc": NOW.isoformat(), "answers": answers}
        records.add("screenings", {**kept, "outcome": "clear", "acknowledged": None})
        assert screening.current(records, "A17", NOW) is None
    for at_utc in ("", "yesterday", "2026-03-10T12:00:00"):
        kept = {"id": at_utc, "subject": "B2", "at_utc": at_utc, "answers": ALL_NO}
        records.add("screenings", {**kept, "outcome": "clear", "acknowledged": None})
        assert screening.current(records, "B2", NOW) is None


def test_nobody_to_ask_and_no_file(records: Records) -> None:
    required(records, answering(ALL_NO))  # even a valid one: nobody can say whether anything has changed
    with pytest.raises(RefusedError) as caught:
        screening.require(records, "A17", file=None, interactive=None, sites=FACE, now_utc=NOW)
    assert str(caught.value) == (
        "A17 was not screened and there is nobody to ask; nothing was permitted and no current has flowed; fill in a "
        "file once (microcurrent screening template FILE --subject A17) and pass it with --screening FILE"
    )


def test_file(records: Records, write: Callable[..., Path]) -> None:
    result = from_file(records, write(ALL_NO, age=DAY))
    assert (result["outcome"], result["at_utc"]) == ("clear", "2026-03-09T12:00:00.000+00:00")
    assert from_file(records, write(ALL_NO, age=DAY), NOW + DAY) == result  # the same answers are stored once
    assert from_file(records, write(ALL_NO, age=DAY, date="2026-03-08"))["at_utc"] == "2026-03-09T00:00:00.000+00:00"
    assert from_file(records, write(ALL_NO, age=DAY, date="2026-03-10"))["at_utc"] == "2026-03-09T12:00:00.000+00:00"
    assert len(screening.stored_results(records, "A17")) == 2


def test_file_in_toml_and_a_template_that_must_be_filled_in(records: Records, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(screening.template("A17"))
    with pytest.raises(BadValueError, match=f"not answered: {', '.join(ALL_NO)};"):
        from_file(records, path, datetime.now(UTC) + DAY)
    text = path.read_text()
    for name in ALL_NO:
        text = text.replace(f'{name} = ""', f'{name} = "no"')
    path.write_text(text.replace("# date =", "date ="))
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert from_file(records, path, now)["at_utc"] == "2026-03-02T00:00:00.000+00:00"
    assert max(map(len, text.splitlines())) <= 110


def test_file_that_needs_an_acknowledgement(records: Records, write: Callable[..., Path]) -> None:
    answers = {**ALL_NO, "minor": "yes"}
    with pytest.raises(RefusedError, match=r"acknowledged = \.\.\."):
        from_file(records, write(answers))
    assert from_file(records, write(answers, acknowledged=ACKNOWLEDGEMENT))["acknowledged"] == ACKNOWLEDGEMENT


@pytest.mark.parametrize(
    ("more", "kind", "text"),
    [
        ({"age": 31 * DAY}, RefusedError, "was last written more than 30 days ago"),
        ({"age": -DAY}, RefusedError, "was last written at 2026-03-11T12:00:00.000.00:00, which is in the future"),
        ({"date": "2026-02-01"}, RefusedError, "was dated 2026-02-01, more than 30 days ago"),
        ({"date": "2026-03-12"}, RefusedError, "is dated 2026-03-12, which is in the future"),
        ({"date": "03/01/2026"}, BadValueError, "'03/01/2026' is no day"),
        ({"date": 20260301}, BadValueError, "has the date 20260301"),
        ({"subject": "B2"}, RefusedError, "holds the answers of another subject than A17"),
        ({"skip": "yes"}, BadValueError, "has an unknown key 'skip'"),
    ],
)
def test_file_that_does_not_hold(
    records: Records, write: Callable[..., Path], more: dict, kind: type, text: str
) -> None:
    with pytest.raises(kind, match=text):
        from_file(records, write(ALL_NO, **more))
    assert screening.stored_results(records, "A17") == []


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff\xfe", b"[1]", b'"yes"', b"[" * 60000, b"{}", b'{"answers": "no"}', b"x" * 70000, b"\0" * 9],
)
@pytest.mark.parametrize("name", ["s.toml", "s.json", "s"])
def test_strange_file(records: Records, tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(BadValueError, match="no current has flowed"):
        from_file(records, path, datetime.now(UTC) + DAY)


def test_file_that_cannot_be_read(records: Records, tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path, Path("/dev/null/x")):
        with pytest.raises(RecordError, match="cannot be read"):
            from_file(records, path)


def test_an_older_file_does_not_undo_a_refusal(records: Records, write: Callable[..., Path]) -> None:
    file = write(ALL_NO, age=2 * DAY)
    assert from_file(records, file)["outcome"] == "clear"
    with pytest.raises(RefusedError):
        required(records, answering({**ALL_NO, "seizures": "yes"}), now=NOW - DAY)
    with pytest.raises(RefusedError, match=r"A17 was refused at 2026-03-09T12:00 UTC, after .* was filled in"):
        from_file(records, file)
    assert from_file(records, write(ALL_NO))["outcome"] == "clear"


def test_a_refusing_file_stays_refused(records: Records, write: Callable[..., Path]) -> None:
    file = write({**ALL_NO, "heart": "yes", "pregnancy": "yes"})
    for _ in range(2):
        with pytest.raises(RefusedError, match=r"A17 is not treated. pregnancy: "):
            from_file(records, file)


ASKERS = {
    "nobody": None,
    "all no": answering(ALL_NO),
    "not acknowledged": answering({**ALL_NO, "metal": "yes"}, "y"),
    "acknowledged": answering({**ALL_NO, "metal": "yes"}, ACKNOWLEDGEMENT),
    "refused": answering({**ALL_NO, "cancer": "yes"}, ACKNOWLEDGEMENT),
    "odd": answering(dict.fromkeys(ALL_NO, "")),
}
CHANGES = {"none": None, "no": lambda _day: "no", "yes": lambda _day: "yes", "odd": lambda _day: ""}


def test_no_way_around(records: Records, write: Callable[..., Path]) -> None:
    """Whatever is passed in whatever order: what comes back was judged, and permits; everything else raises."""
    files = [
        None,
        write(ALL_NO, name="clear.json"),
        write({**ALL_NO, "cancer": "yes"}, name="refused.json"),
        write({**ALL_NO, "skin": "yes"}, name="ask.json"),
        write({}, name="empty.json"),
    ]
    returned = refused = 0
    for asker, changed, file, sites in itertools.product(ASKERS.values(), CHANGES.values(), files, (FACE, BODY)):
        for now in (NOW, NOW - DAY, NOW + DAY):
            try:
                result = screening.require(
                    records, "A17", file=file, interactive=asker, sites=sites, now_utc=now, changed=changed
                )
            except MicrocurrentError:
                refused += 1
                continue
            returned += 1
            verdict = screening.judge(result["answers"], face=sites == FACE)
            assert verdict.outcome == result["outcome"]
            assert verdict.outcome == "clear" or (verdict.outcome, result["acknowledged"]) == ("ask", ACKNOWLEDGEMENT)
            assert not screening.invalid_because(result, now, sites == FACE)
            assert result["id"] in {row["id"] for row in screening.stored_results(records, "A17")}
    assert returned > 50
    assert refused > 300


def test_require_has_one_way_out() -> None:
    """Its only return is the verdict's, and no parameter could switch it off."""
    tree = ast.parse(inspect.getsource(screening.require))
    returns = [node for node in ast.walk(tree) if isinstance(node, ast.Return)]
    assert [ast.unparse(node.value.func) for node in returns if isinstance(node.value, ast.Call)] == ["_permitted"]
    assert len(returns) == 1
    parameters = ["records", "subject", "file", "interactive", "sites", "now_utc", "changed"]
    assert list(inspect.signature(screening.require).parameters) == parameters


def typed_at_terminal(line: str, *answers: str) -> tuple[int, str]:
    """A command whose stdin and stderr are a terminal: (exit code, what was shown and typed)."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from microcurrent.cli import main; main()", *line.split()]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
        shown = b""
        try:
            while data := os.read(ours, 65536):
                shown += data
        except OSError:  # the other end is closed: the command is over
            pass
        os.close(ours)
        return process.wait(timeout=60), shown.decode().replace("\r\n", "\n")


def test_ask_at_a_terminal() -> None:
    code, shown = typed_at_terminal("screening ask --subject A17", "perhaps", "no", *["N"] * (len(ALL_NO) - 1))
    assert code == 0, shown
    assert "please answer yes or no" in shown
    assert "A17 may be treated for 30 days (clear), unless something changes" in shown
    answers = [{**ALL_NO, "skin": "yes"}[question.id] for question in QUESTIONS]
    code, shown = typed_at_terminal("screening ask --subject A17", *answers, ACKNOWLEDGEMENT)
    assert code == 0, shown
    assert "A professional's word is needed first:\n  skin: " in shown
    code, shown = typed_at_terminal("screening ask --subject A17", *answers, "")
    assert code == 6
    result = run_cli("screening show --subject A17")
    assert [line.split("  ")[2] for line in result.stdout.splitlines()[2:5]] == [
        "ask a professional",
        "professional asked",
        "clear",
    ]
    assert "not acknowledged" in result.stdout
    assert result.stdout.endswith("now: to be asked before a treatment\n")
    found = json.loads(run_cli("screening show --subject A17 --json").stdout)
    assert found["current"] is None
    assert len(found["screenings"]) == 3


def test_ask_in_a_pipe_is_refused() -> None:
    result = run_cli("screening ask --subject A17")
    assert (result.exit_code, result.stdout) == (6, "")
    assert "there is nobody at a terminal to ask; nothing was stored" in result.stderr


def test_show_questions_template(tmp_path: Path) -> None:
    assert "was never screened" in run_cli("screening show --subject A17").stdout
    assert run_cli("screening show --subject 'J D'").exit_code == 2
    listed = json.loads(run_cli("screening questions --json").stdout)
    assert [row["id"] for row in listed] == list(ALL_NO)
    shown = run_cli("screening questions").stdout
    assert all(f"\n{name}" in f"\n{shown}" for name in ALL_NO)
    path = tmp_path / "s.toml"
    assert run_cli(f"screening template {path} --subject A17").exit_code == 0
    kept = path.read_text()
    again = run_cli(f"screening template {path} --subject A17")
    assert (again.exit_code, path.read_text()) == (9, kept)
