"""The real mpremote, run as a separate process: uploads, hashes and resets go through it."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from . import build, staging
from .errors import FirmwareError, PortError, VerifyError

PROMPT_S = 15.0  # ours: mpremote itself gives a silent USB port 10 s, but a pty or a chattering port for ever
SILENCE_S = 30.0  # ours, at the prompt: the longest file takes 5 s on a slowly emulated board
_READY = "microcurrent-ready"
# What mpremote says when the other side does not behave like a MicroPython prompt.
_HANDSHAKE_FAILURES = (
    "could not enter raw repl",
    "could not exec command",
    "could not complete raw paste",
    "unexpected read during raw paste",
)
_MARK = "microcurrent-inventory:"

# Runs on the board: what it is, and the sha256 of every file that is ours to manage.
_INVENTORY = f"""
import os, sys, json, hashlib, binascii
def digest(path):
    h = hashlib.sha256()
    b = bytearray(512)
    m = memoryview(b)
    with open(path, 'rb') as f:
        while True:
            n = f.readinto(b)
            if not n:
                return binascii.hexlify(h.digest()).decode()
            h.update(m[:n])
def walk(folder, found):
    for row in os.ilistdir(folder or '/'):
        path = folder + '/' + row[0]
        if row[1] & 0x4000:
            walk(path, found)
        elif path.startswith(('/lib/', '{staging.FOLDER}/')) or path.endswith(('.py', '.mpy')):
            found[path] = digest(path)
def text(path):
    try:
        with open(path) as f:
            return f.read()
    except (OSError, ValueError):
        return ''
{staging.GO_ON}
found = {{}}
walk('', found)
try:
    import frozen_image
    frozen = True
except ImportError:
    frozen = False
v = '.'.join(str(x) for x in sys.implementation.version[:3])
told = [v, os.uname().machine, found, frozen]
told += [text(path) for path in ('{build.MANIFEST}', '{build.SIGNATURE}', '{staging.HIGHEST}')]
print('{_MARK}' + json.dumps(told))
"""


class Inventory:
    """What the board said: MicroPython version, machine, {path: sha256 hex} of its files, whether ours are frozen.

    files: all below /lib, what waits in staging.FOLDER, and every other that could be imported. manifest, signature:
    texts of these two files. highest: the number of the newest firmware that ran on it, 0 when it does not know.
    """

    def __init__(
        self,
        version: str,
        machine: str,
        files: dict[str, str],
        frozen: bool = False,
        manifest: str = "",
        signature: str = "",
        highest: str = "",
    ) -> None:
        self.version = version
        self.machine = machine
        self.files = files
        self.frozen = frozen
        self.manifest = manifest
        self.signature = signature
        self.highest = int(highest) if highest.strip().isdecimal() else 0


def run(port: str, arguments: Sequence[str], on_line: Callable[[str], None] = lambda _text: None) -> list[str]:
    """Run mpremote on `port` and return its lines, each given to `on_line` as it comes.

    Raises PortError when no prompt is reached, when the board falls silent, and when mpremote fails.
    """
    ready = f"print('{_READY}')"  # mpremote itself does not say that it reached a prompt, and may wait for one for ever
    command = [sys.executable, "-u", "-m", "mpremote", "connect", port, "exec", ready, "+", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            said = _said(process, port, on_line)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise _failure(port, said)
    return said[said.index(_READY) + 1 :] if _READY in said else said


def _said(process: "subprocess.Popen[bytes]", port: str, on_line: Callable[[str], None]) -> list[str]:
    """All lines up to the process's end, each given to `on_line`. Raises PortError when none comes for too long."""
    stream = process.stdout
    assert stream is not None
    lines: list[str] = []
    pending = b""
    prompt_by_s = time.monotonic() + PROMPT_S
    while True:
        reached = _READY in lines
        patience_s = SILENCE_S if reached else max(prompt_by_s - time.monotonic(), 0.0)
        if not select.select([stream], [], [], patience_s)[0]:
            raise _fell_silent(port) if reached else _no_prompt(port)
        data = os.read(stream.fileno(), 65536)
        *whole, pending = (pending + data).split(b"\n")
        for line in whole if data else [pending]:
            text = line.decode(errors="replace").rstrip()
            lines.append(text)
            on_line(text)
        if not data:
            return lines


def _failure(port: str, said: list[str]) -> PortError:
    """mpremote ended with an error: before the prompt nothing was done, later it is the board's last word."""
    shown = [text.strip() for text in said if text.strip()]
    last = shown[-1].removeprefix("mpremote: ") if shown else "no message"
    if _READY not in said and last.startswith(_HANDSHAKE_FAILURES):
        return _no_prompt(port)
    return PortError(
        f"mpremote failed on {port}: {last}; the output is off; unplug the board, plug it in, then run: "
        f"microcurrent flash --port {port}"
    )


def _no_prompt(port: str) -> PortError:
    return PortError(
        f"no MicroPython prompt on {port} within {PROMPT_S:.0f} s; nothing was written; check that this is the board "
        f"and that MicroPython is on it (microcurrent image), then unplug it, plug it in and try again"
    )


def _fell_silent(port: str) -> PortError:
    return PortError(
        f"the board on {port} fell silent for {SILENCE_S:.0f} s at its prompt; the output is off; unplug it, plug it "
        f"in, then run: microcurrent flash --port {port}"
    )


def inventory(port: str) -> Inventory:
    """Ask the board for its identity and the hashes of its files. It must be at a prompt, or reach one by Ctrl-C."""
    return _parse_inventory(run(port, ["exec", _INVENTORY]))


def _parse_inventory(lines: list[str]) -> Inventory:
    for line in lines:
        if line.startswith(_MARK):
            return Inventory(*json.loads(line.removeprefix(_MARK)))
    raise FirmwareError(
        "the board did not list its files; nothing was written; unplug the board, plug it in and try again"
    )


def upload(
    port: str,
    folders: Sequence[str],
    stale: Sequence[str],
    copies: Sequence[tuple[list[str], str]],
    on_line: Callable[[str], None],
) -> Inventory:
    """Remove `stale` files, make `folders`, copy ([local files], remote folder) groups, and list what is there now."""
    arguments = ["exec", _prepare(folders, stale)]
    for sources, folder in copies:
        arguments += ["+", "fs", "cp", "-f", *sources, f":{folder.rstrip('/')}/"]
    arguments += ["+", "exec", _INVENTORY]
    return _parse_inventory(run(port, arguments, on_line))


def switch(port: str, gone: Sequence[str]) -> Inventory:
    """Make the uploaded files count, remove those that are `gone`, and list what is there now. Raises PortError."""
    return _parse_inventory(run(port, ["exec", staging.begin(gone), "+", "exec", _INVENTORY]))


def _prepare(folders: Sequence[str], stale: Sequence[str]) -> str:
    return f"""
import os
for path in {list(stale)!r}:
    os.remove(path)
for path in {list(folders)!r}:
    try:
        os.mkdir(path)
    except OSError:
        pass
"""


def reset(port: str) -> None:
    """Reset the board's chip. Raises PortError."""
    run(port, ["reset"])


def enter_bootloader(port: str) -> None:
    """Have the board at its prompt show the drive that takes an image, instead of starting. Raises PortError."""
    run(port, ["bootloader"])


def require_same(expected: dict[str, str], found: dict[str, str], port: str) -> None:
    """Raise VerifyError naming the files that differ from, or are missing on, the board."""
    wrong = sorted(name for name, digest in expected.items() if found.get(name) != digest)
    if not wrong:
        return
    missing = [name for name in wrong if name not in found]
    remedy = f"the output is off; run: microcurrent flash --port {port}"
    if len(missing) == len(expected):
        raise VerifyError(
            f"no firmware: {len(missing)} of {len(expected)} files missing on {port}: {_listed(missing)}; {remedy}"
        )
    absent = f" ({len(missing)} of them missing)" if missing else ""
    raise VerifyError(
        f"{len(wrong)} of {len(expected)} files on {port} differ from the build{absent}: {_listed(wrong)}; {remedy}"
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
