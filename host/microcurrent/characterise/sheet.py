"""What the pages say, and the files they become: HTML that works offline, Markdown, JSON, and the pictures."""

import base64
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import RecordError
from ..treatment_report.colours import DARK, LIGHT
from .measure import Measured
from .plots import picture
from .table import Quantity, table

FOOTNOTE = (
    "Measured by the board's own sense and divider unless a source is named. Not a medical device; this table is no "
    "statement of conformity, and no test of an accredited laboratory."
)
NAME = "characterise"


@dataclass(frozen=True)
class Sheet:
    """Everything that is printed. facts: (name, value) of device and calibration."""

    title: str
    wave: str
    made: str
    loads: list[str]
    rows: list[Quantity]
    facts: list[tuple[str, str]]
    notices: list[str]
    footnote: str = FOOTNOTE


def sheet(
    measured: list[Measured], wave: str, made: str, area_mm2: int, facts: list[tuple[str, str]], notices: list[str]
) -> Sheet:
    """The sheet of these measurements."""
    saturated = [each for each in measured if each.full_share < 0.99]
    notices = notices + [
        f"At {each.ohm} ohm only {each.full_share:.0%} of the phases carried their full charge: the output was at its "
        f"compliance."
        for each in saturated
    ]
    loads = [f"{each.ohm} ohm" for each in measured]
    return Sheet("Characteristics of an output", wave, made, loads, table(measured, area_mm2), facts, notices)


def html(content: Sheet, measured: list[Measured], pictures: list[bytes]) -> str:
    """One file without script and without requests."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__ or "", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawn = [
        (f"{each.ohm} ohm", each.waveform.source, base64.b64encode(data).decode())
        for each, data in zip(measured, pictures, strict=True)
    ]
    return environment.get_template("page.html").render(light=LIGHT, dark=DARK, sheet=content, pictures=drawn)


def markdown(content: Sheet, measured: list[Measured], names: list[str]) -> str:
    """The same as Markdown; pictures stand in files beside it."""
    lines = [f"# {content.title}", "", content.wave, "", content.made, ""]
    lines += [line for notice in content.notices for line in (f"> {notice}", "")]
    lines += [f"| quantity | {' | '.join(content.loads)} | unit | how |", "|---" * (len(content.loads) + 3) + "|"]
    lines += [f"| {row.name} | {' | '.join(row.values)} | {row.unit} | {row.meaning} |" for row in content.rows]
    for each, name in zip(measured, names, strict=True):
        lines += ["", f"![{each.ohm} ohm]({name})", "", f"{each.ohm} ohm: {each.waveform.source}."]
    lines += ["", "| device | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in content.facts]
    return "\n".join([*lines, "", content.footnote, ""])


def write(content: Sheet, measured: list[Measured], folder: Path) -> list[Path]:
    """All files; the HTML first. Raises RecordError."""
    pictures = [picture(each) for each in measured]
    names = [f"{NAME}-{each.ohm}.png" for each in measured]
    files: dict[str, bytes] = {
        f"{NAME}.html": html(content, measured, pictures).encode(),
        f"{NAME}.md": markdown(content, measured, names).encode(),
        f"{NAME}.json": (json.dumps(as_dict(content, measured), indent=2) + "\n").encode(),
        **dict(zip(names, pictures, strict=True)),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise RecordError(
            f"{folder} cannot be written ({error.strerror or error}); what was measured is lost; choose another place "
            f"with --output"
        ) from None
    return [folder / name for name in files]


def as_dict(content: Sheet, measured: list[Measured]) -> dict:
    """For --json, and for programs: without the waveforms' samples."""
    each = [
        {
            **{name: value for name, value in asdict(one).items() if name != "waveform"},
            "net_per_pulse_nc": one.net_per_pulse_nc,
            "waveform_source": one.waveform.source,
        }
        for one in measured
    ]
    return {"loads": each, "facts": dict(content.facts), "notices": content.notices, "wave": content.wave}
