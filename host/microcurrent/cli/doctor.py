"""`microcurrent doctor`: what stands between this machine and a session."""

import click

from .options import at_port, data_dir_option, json_option, port_option, print_json


@click.command("doctor")
@port_option
@data_dir_option
@json_option
def command(port: str | None, data_dir: str | None, as_json: bool) -> None:
    """Check Python, packages, image, build tools, directories, ports and the board; name a remedy for each problem."""
    from dataclasses import asdict, replace

    from ..doctor import examine
    from ..errors import VerifyError

    findings = [replace(finding, text=at_port(finding.text)) for finding in examine(port, data_dir)]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            verdict = "PROBLEM" if not finding.good else "note" if finding.note else "ok"
            click.echo(f"{verdict:7}  {finding.subject:12} {finding.text}")
    bad = [finding.subject for finding in findings if not finding.good]
    if bad:
        raise VerifyError(
            f"{len(bad)} of {len(findings)} checks found a problem: {', '.join(bad)}; nothing was changed; "
            f"do what the lines above say"
        )
