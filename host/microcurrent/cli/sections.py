"""Help of commands with many options: in groups, each with a head."""

import click

# (head, names of the parameters). What stands in none comes last, under "Other".
SECTIONS = (
    ("Waveform", ("amplitude_ua", "frequency_mhz", "polarity", "alternate_ms", "second_mhz", "phase_deg", "table")),
    ("Form of a square", ("duty_permille", "width_us", "rise_us", "gap_us")),
    (
        "Bursts and sweeps",
        ("burst_ms", "rest_ms", "rest_random_ms", "amplitude_end_ua", "frequency_end_mhz", "sweep_ms", "hold_ms"),
    ),
    ("Session", ("duration_ms", "ramp_ms", "sample_us", "lease_ms", "channel2", "channel")),
    ("Place and limits", ("zone", "area_mm2", "profile", "threshold_ua")),
    ("Virtual Pico, with --port sim", ("board", "load", "load2", "vcd", "csv", "image")),
)
_OTHER = "Other"


class SectionedCommand(click.Command):
    """A command whose options are listed by SECTIONS."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One list per section that has options here."""
        head_of = {name: head for head, names in SECTIONS for name in names}
        found: dict[str, list[tuple[str, str]]] = {head: [] for head in (*(row[0] for row in SECTIONS), _OTHER)}
        for param in sorted(self.get_params(ctx), key=_place):
            row = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if row is not None:
                found[head_of.get(param.name or "", _OTHER)].append(row)
        for head, rows in found.items():
            if rows:
                with formatter.section(head):
                    formatter.write_dl(rows)


def _place(param: click.Parameter) -> int:
    """Where an option stands in the table; those that stand in none keep their order."""
    names = [name for _head, names in SECTIONS for name in names]
    return names.index(param.name) if param.name in names else len(names)
