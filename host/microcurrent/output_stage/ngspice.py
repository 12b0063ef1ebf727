"""Plain `ngspice -b`: this machine's, else Debian's package unpacked into build/, without root."""

import os
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import debian_program
from ..errors import MicrocurrentError

PACKAGE = "ngspice"
RUN_S = 300.0  # for one run of ngspice: a hundred analyses take less than ten seconds

Plot = dict[str, NDArray[np.float64]]  # vector's name -> its values


class SpiceError(MicrocurrentError):
    """ngspice is missing, or it did not calculate what it was given."""


def run(netlist: str, folder: Path) -> list[Plot]:
    """The plots that the netlist's `write` command put into result.raw, in order. Raises SpiceError."""
    path, libraries = debian_program.program(PACKAGE)
    folder.mkdir(parents=True, exist_ok=True)
    result = folder / "result.raw"
    result.unlink(missing_ok=True)
    (folder / "stage.cir").write_text(netlist)
    # Analysis needs no start-up files, and those of a person must not change figures.
    env = {**os.environ, "LD_LIBRARY_PATH": libraries, "SPICE_LIB_DIR": str(folder), "HOME": str(folder)}
    command = [path, "-n", "-b", "stage.cir"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=RUN_S, env=env, check=False)
    except subprocess.TimeoutExpired:
        raise SpiceError(
            f"ngspice did not end within {RUN_S:g} s; nothing was written; run it by hand: ngspice -b "
            f"{folder / 'stage.cir'}"
        ) from None
    if not result.exists():
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][-6:]
        raise SpiceError(
            f"ngspice calculated nothing (exit code {done.returncode}): {' / '.join(said)}; nothing was written; "
            f"run it by hand: ngspice -b {folder / 'stage.cir'}"
        )
    return read_raw(result.read_bytes())


def read_raw(data: bytes) -> list[Plot]:
    """The plots of a binary raw file."""
    plots = []
    while data:
        header, _, rest = data.partition(b"Binary:\n")
        lines = header.decode().splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("\t"))
        variables, points = int(fields["No. Variables"]), int(fields["No. Points"])
        start = next(index for index, line in enumerate(lines) if line.startswith("Variables:"))
        names = [line.split()[1] for line in lines[start + 1 : start + 1 + variables]]
        width = 16 if "complex" in fields["Flags"] else 8
        size = variables * points * width
        kind = np.complex128 if width == 16 else np.float64
        table = np.frombuffer(rest[:size], dtype=kind).reshape(points, variables)
        plots.append({name: table[:, index] for index, name in enumerate(names)})
        data = rest[size:]
    return plots
