"""What each part of the screen shows, as styled text for a width and a height; pure functions of what is seen.

A colour never says anything alone: a word or a sign stands beside it.
"""

from collections.abc import Callable

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from firmware.shared import protocol, sites

from ..treatment_texts import place_text, remaining_text
from . import big_figures, seen
from .fitting import ACCENT, AMBER, FAINT, GOOD, QUIET, RED, TEXT, fitted, joined, printable, spread, styled
from .guidance import BAD, CALM, MOVE, WARN, guidance
from .seen import MINUTE_MS, Seen

_LEVELS = {CALM: FAINT, MOVE: ACCENT, WARN: AMBER, BAD: RED}
_CONTACTS = {
    protocol.CONTACT_UNKNOWN: ("?", FAINT),
    protocol.CONTACT_GOOD: ("●", GOOD),
    protocol.CONTACT_DRY: ("◐", AMBER),
    protocol.CONTACT_OPEN: ("○", AMBER),
    protocol.CONTACT_SHORT: ("▪", RED),
}
_HOW_COLOURS = {
    seen.FLOWING: GOOD, seen.RAMP_UP: GOOD, seen.FAULT: RED, seen.LOST: RED, seen.NO_CONTACT: AMBER, seen.PAUSED: AMBER,
    seen.STOPPING: AMBER, seen.BETWEEN: ACCENT, seen.SEEKING: ACCENT,
}  # fmt: skip
_SIDES_SEEN = {"left": "right in the picture", "right": "left in the picture", "middle": "in the middle"}
_LARGE_WIDTH = 62
_OPEN_OHM = 10_000_000

Draw = Callable[[Seen, int, int], Content]


# The parts, from above to below ---------------------------------------------------------------------------------------


def head(now: Seen, width: int, _rows: int) -> Content:
    """Title, step, and how it goes."""
    title = f" {printable(now.programme.title)}"
    how = f" {'fault' if now.fault else now.ended or now.how} "
    step = f"step {max(now.index, 0) + 1} of {len(now.programme.steps)}  "
    colour = _LEVELS[guidance(now).level] if now.ended else _HOW_COLOURS.get(now.how, TEXT)
    right = Content.assemble((step, TEXT), (how, f"bold {colour} reverse"), " ")
    return spread(Content.styled(title, f"bold {TEXT}"), right, width)


def place(now: Seen, width: int, rows: int) -> Content:
    """Where the electrodes are, or go."""
    step = now.current
    name = place_text(step)
    text = f"{'next: ' if now.between else ''}{name}"
    where = f"  ({_SIDES_SEEN[step.side]})" if sites.is_face(step.site) else ""
    room = f"{text}{where}" if cell_len(text + where) <= width else text
    labels = f"  {' / '.join(step.labels)}" if step.labels else ""
    line = Content.assemble((text, f"bold {ACCENT}"), (room[len(text) :], FAINT), (printable(labels), FAINT))
    return line.truncate(width, ellipsis=True)


def move(now: Seen, width: int, rows: int) -> Content:
    """The movement."""
    text = now.current.move or "keep the electrodes where they are"
    return styled(fitted(text, width, rows), TEXT)


def hold(now: Seen, width: int, _rows: int) -> Content:
    """The countdown of a movement; treatment time, so it stands still without contact."""
    if not now.hold_ms:
        return _bar("step", now.current.duration_ms - now.step_left_ms, now.current.duration_ms, "", width, ACCENT)
    left_ms = now.hold_left_ms
    if now.hold_is_done and now.how == seen.FLOWING:
        return _bar("hold", 1, 1, "next movement", width, GOOD)
    seconds = f"{-(-left_ms // 1000)} s"
    return _bar("hold", now.hold_ms - left_ms, now.hold_ms, seconds, width, ACCENT)


def _bar(name: str, part: int, whole: int, text: str, width: int, colour: str) -> Content:
    length = max(1, width - len(name) - 3 - max(5, len(text)))
    filled = min(length, max(0, round(length * part / max(whole, 1))))
    return Content.assemble(
        (f"{name}  ", FAINT), ("━" * filled, f"bold {colour}"), ("─" * (length - filled), FAINT),
        (f" {text.rjust(5)}", f"bold {TEXT}"),
    ).truncate(width)  # fmt: skip


def figures(now: Seen, width: int, rows: int) -> Content:
    """Delivered current, impedance and times, large; as many as there is room for."""
    large = width >= _LARGE_WIDTH and rows >= 2 * (big_figures.LARGE_ROWS + 1)
    each = 1 + (big_figures.LARGE_ROWS if large else big_figures.SMALL_ROWS)
    lines: list[Content] = []
    for pair in _figure_pairs(now, rows >= 2 * each):
        if lines and rows >= 2 * each + 1:
            lines.append(Content(""))
        lines += _figure_rows(pair, width, large)
    return joined(lines[:rows])


def _figure_pairs(now: Seen, all_of_them: bool) -> list[list[tuple[str, str, str, str]]]:
    """(label, figure, unit, colour), two beside each other."""
    colour = GOOD if now.how in (seen.FLOWING, seen.RAMP_UP) else AMBER if now.how == seen.NO_CONTACT else TEXT
    two = now.programme.channels > 1
    delivered = [
        (f"delivered {channel + 1}" if two else "delivered", _current(now, channel), "uA", colour)
        for channel in range(2 if two else 1)
    ]
    step = ("left of this step", remaining_text(now.step_left_ms), "", TEXT)
    if not all_of_them:
        return [delivered if two else [*delivered, step]]
    whole = ("left of all", remaining_text(now.all_left_ms), "", TEXT)
    second = [] if two else [("impedance", _impedance(now, 0), "kohm", TEXT)]
    return [delivered + second, [step, whole]]


def _figure_rows(pair: list[tuple[str, str, str, str]], width: int, large: bool) -> list[Content]:
    half = width // 2
    columns = []
    for label, text, unit, colour in pair:
        rows = big_figures.big(text, large=large)
        lines = [Content.styled(label, FAINT)]
        for number, row in enumerate(rows):
            behind = f" {unit}" if number == len(rows) - 1 and text != "-" else ""
            lines.append(Content.assemble((row, f"bold {colour}"), (behind, FAINT)))
        columns.append([line.truncate(half - 1).pad_right(max(0, half - line.cell_length)) for line in lines])
    return [Content("").join(list(line)) for line in zip(*columns, strict=True)]


def _current(now: Seen, channel: int) -> str:
    if now.lost and not now.ended:
        return "-"  # whether anything flows is unknown
    return str(now.rows[channel]["delivered_ua"]) if channel < len(now.flowing_rows) else "0"


def _impedance(now: Seen, channel: int) -> str:
    ohm = now.rows[channel]["impedance_ohm"] if channel < len(now.flowing_rows) else -1
    if not 0 <= ohm < _OPEN_OHM:
        return "-"
    return f"{ohm / 1000:.1f}" if ohm < 100_000 else f"{ohm / 1000:.0f}"


def facts(now: Seen, width: int, _rows: int) -> Content:
    """Impedance and the time of all steps in one line, where neither has a large figure."""
    left = Content.assemble(("left of all ", FAINT), (remaining_text(now.all_left_ms), TEXT))
    return spread(impedances(now, width, 1), left, width)


def impedances(now: Seen, width: int, _rows: int) -> Content:
    """Of each channel."""
    found = [_impedance(now, channel) for channel in range(2 if now.programme.channels > 1 else 1)]
    text = " and ".join(found) + (" kohm" if set(found) != {"-"} else "")
    return Content.assemble(("impedance ", FAINT), (text, TEXT)).truncate(width)


def terms(now: Seen, width: int, _rows: int) -> Content:
    """Commanded and permitted, and which limit binds."""
    if not now.terms:
        return Content.styled("nothing flows yet", FAINT)
    unknown = now.lost and not now.ended
    commanded = "?" if unknown else " and ".join(f"{row['commanded_ua']}" for row in now.flowing_rows) or "0"
    limits = [now.terms] + ([now.terms["terms2"]] if now.terms.get("terms2") else [])
    permitted = " and ".join(str(each["limit_ua"]) for each in limits)
    binding = " and ".join(dict.fromkeys(each["binding"] for each in limits))
    text = Content.assemble(
        ("commanded ", FAINT), (commanded, f"bold {TEXT}"), (" of ", FAINT), (permitted, TEXT),
        (f" uA permitted (rule {binding})", FAINT),
    )  # fmt: skip
    if text.cell_length > width:
        text = Content.assemble(
            ("set ", FAINT), (commanded, f"bold {TEXT}"), (f" of {permitted} uA ({binding})", FAINT)
        )
    return text.truncate(width, ellipsis=True)


def contact(now: Seen, width: int, _rows: int) -> Content:
    """Contact in words, lift-offs, and how often it was felt."""
    pieces: list[tuple[str, str] | str] = [("contact ", FAINT)]
    for number, row in enumerate(now.rows or [{"contact": protocol.CONTACT_UNKNOWN}]):
        sign, colour = _CONTACTS[row["contact"]]
        before = f"{', ' if number else ''}{number + 1} " if len(now.rows) > 1 else ""
        pieces += [(before, FAINT), (f"{sign} {protocol.CONTACT_NAMES[row['contact']]}", f"bold {colour}")]
    counts = Content.assemble(
        (f"lift-offs {now.lift_offs}", AMBER if now.lift_offs else FAINT), "  ",
        (f"felt {now.felt}", AMBER if now.felt else FAINT),
    )  # fmt: skip
    return spread(Content.assemble(*pieces), counts, width)


def spark(now: Seen, width: int, rows: int) -> Content:
    """Delivered current of the last minute; a channel of its own takes its share of the rows."""
    newest_ms = max((samples[-1][0] for samples in now.samples if samples), default=0)
    channels = 2 if now.programme.channels > 1 and rows > 1 else 1
    each = max(1, rows // channels)
    lines: list[Content] = []
    for channel in range(channels):
        lines += _spark_rows(now, channel, newest_ms, width, each)
    return joined(lines[:rows])


def _spark_rows(now: Seen, channel: int, newest_ms: int, width: int, rows: int) -> list[Content]:
    recent = [(time_ms, ua) for time_ms, ua in now.samples[channel] if newest_ms - time_ms < MINUTE_MS]
    top = max([now.amplitude_ua(channel), *(ua for _time_ms, ua in recent)])
    scale = f" {top} uA, 1 min"
    length = max(1, width - len(scale))
    means = bucketed(recent, newest_ms, length)
    lines = [Content.styled(line, QUIET) for line in big_figures.bars(means, top, rows)]
    return [Content.assemble(lines[0], (scale, FAINT)), *lines[1:]]


def bucketed(samples: list[tuple[int, int]], newest_ms: int, length: int) -> list[float | None]:
    """Means of the last minute's samples (ms, uA) in `length` equal spans, the newest last; None: nothing came."""
    sums = [[0, 0] for _ in range(length)]
    for time_ms, ua in samples:
        bucket = sums[length - 1 - (newest_ms - time_ms) * length // MINUTE_MS]
        bucket[0] += ua
        bucket[1] += 1
    return [total / count if count else None for total, count in sums]


def box(now: Seen, width: int, rows: int) -> Content:
    """What the hand should do; its frame has the colour and the word of what is going on."""
    told = guidance(now)
    colour = _LEVELS[told.level]
    title = printable(told.title).upper() if told.level != CALM else told.title
    strong = f"bold {colour}" if told.level != CALM else colour
    if rows < 3:
        lines = fitted(f"{title}: {told.text}", width, rows)
        return styled(lines, strong if told.level != CALM else TEXT)
    inner = width - 4
    title = set_cell_size(title, min(cell_len(title), inner - 2))
    edge = "━" if told.level in (WARN, BAD) else "─"
    corners = "┏┓┗┛┃" if told.level in (WARN, BAD) else "╭╮╰╯│"
    top = Content.assemble(
        (f"{corners[0]}{edge} ", colour),
        (title, strong),
        (f" {edge * (inner - cell_len(title) - 1)}{corners[1]}", colour),
    )
    body = [
        Content.assemble(
            (f"{corners[4]} ", colour),
            (set_cell_size(line, inner), f"bold {TEXT}" if told.level != CALM else TEXT),
            (f" {corners[4]}", colour),
        )
        for line in [*fitted(told.text, inner, rows - 2), *[""] * rows][: rows - 2]
    ]
    bottom = Content.styled(f"{corners[2]}{edge * (width - 2)}{corners[3]}", colour)
    return joined([top, *body, bottom])


def box_rows(now: Seen, width: int) -> int:
    """How many rows the box needs to show its whole text."""
    return 2 + len(fitted(guidance(now).text, width - 4, 99))


def notes(now: Seen, width: int, rows: int) -> Content:
    """The last things that happened."""
    lines: list[Content] = []
    for at_s, text in reversed(now.notes):
        stamp = f"{remaining_text(int(at_s * 1000) // 1000 * 1000):>5}  "
        for number, line in reversed(list(enumerate(fitted(text, width - len(stamp) - 1, 2)))):
            lines.append(Content.assemble((" " + (stamp if number == 0 else " " * len(stamp)), FAINT), (line, FAINT)))
        if len(lines) >= rows:
            break
    return joined(list(reversed(lines[:rows])))


_KEYS = (("p", "pause"), ("d", "I feel it"), ("s", "skip"), ("q", "stop"), ("?", "help"))
_SHORT = {"I feel it": "felt"}


def keys(now: Seen, width: int, _rows: int) -> Content:
    """What can be pressed."""
    if now.ended:
        return Content.styled(" the result follows; any key closes this view", FAINT).truncate(width)
    words = [(key, _word(now, word)) for key, word in _KEYS]
    if sum(len(key) + len(word) + 4 for key, word in words) > width:
        words = [(key, _SHORT.get(word, word)) for key, word in words]
    gap = "   " if width >= 70 else "  "
    pieces: list[tuple[str, str]] = []
    for key, word in words:
        pieces += [(f" {key} ", f"bold {ACCENT}"), (f"{word}{gap[:-1]}", FAINT)]
    return Content.assemble(*pieces).truncate(width)


def _word(now: Seen, word: str) -> str:
    if word == "pause" and now.paused:
        return "go on"
    return "off now" if word == "stop" and now.stops else word


HELP = (
    ("p", "pause: the current ramps down, the time stands still; p again goes on"),
    ("d, space", '"I feel it": down to 8 uA at once, then to four fifths, also in all later steps'),
    ("s", "skip: ramp down and go on with the next step"),
    ("q, Ctrl-C", "stop: ramp down and end; pressed again: output off at once"),
    ("?", "close this help; all keys work here too"),
    ("button", 'the board\'s own: short is "I feel it", held for two seconds stops'),
    ("picture", "as you see the person: their left is on the right"),
    ("time", "only what flows with contact counts, for step, hold and all"),
)


def help_text(_now: Seen, width: int, rows: int) -> Content:
    """What the keys and figures mean; a line for each where there is no room for more."""
    found = _help_lines(width, 4)
    return joined((found if len(found) <= rows else _help_lines(width, 1))[:rows])


def _help_lines(width: int, most: int) -> list[Content]:
    lines: list[Content] = []
    for name, text in HELP:
        for number, line in enumerate(fitted(text, max(10, width - 12), most)):
            name_here = f"{name if number == 0 else '':<11} "
            lines.append(Content.assemble((name_here, f"bold {ACCENT}"), (line, TEXT)).truncate(width))
    return lines
