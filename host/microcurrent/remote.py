"""The real mpremote, run as a separate process: uploads, hashes and resets go through it."""

import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence

from .errors import FirmwareError, PortError, VerifyError

TIMEOUT_S = 180.0  # ours: a whole upload to a slowly emulated board takes 45 s
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
    for row in os.ilistdir(folder):
        path = folder + '/' + row[0]
        if row[1] & 0x4000:
            walk(path, found)
        else:
            found[path] = digest(path)
found = {{}}
for name in os.listdir('/'):
    if name in ('boot.py', 'main.py'):
        found['/' + name] = digest('/' + name)
if 'lib' in os.listdir('/'):
    walk('/lib', found)
v = '.'.join(str(x) for x in sys.implementation.version[:3])
print('{_MARK}' + json.dumps([v, os.uname().machine, found]))
"""


class Inventory:
    """What the board said: MicroPython version, machine, {path: sha256 hex} of its files."""

    def __init__(self, version: str, machine: str, files: dict[str, str]) -> None:
        self.version = version
        self.machine = machine
        self.files = files


def run(port: str, arguments: Sequence[str], on_line: Callable[[str], None] = lambda _text: None) -> list[str]:
    """Run mpremote on `port` and return its lines, each given to `on_line` as it comes. Raises PortError."""
    command = [sys.executable, "-u", "-m", "mpremote", "connect", port, *arguments]
    lines: list[str] = []
    tail: deque[str] = deque(maxlen=4)
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        watchdog = threading.Timer(TIMEOUT_S, process.kill)  # it may wait for a board that fell silent
        watchdog.start()
        try:
            stream = process.stdout
            for line in stream or ():
                lines.append(line.rstrip())
                tail.append(line.strip())
                on_line(line.rstrip())
        except BaseException:
            process.kill()
            raise
        finally:
            watchdog.cancel()
    if process.returncode:
        raise PortError(_failure(port, [text for text in tail if text]))
    return lines


def _failure(port: str, tail: list[str]) -> str:
    last = tail[-1].removeprefix("mpremote: ") if tail else "no message"
    return (
        f"mpremote failed on {port}: {last}; the output is off; unplug the board, plug it in, then run: "
        f"microcurrent flash --port {port}"
    )


def inventory(port: str) -> Inventory:
    """Ask the board for its identity and the hashes of its files. It must be at a prompt, or reach one by Ctrl-C."""
    return _parse_inventory(run(port, ["exec", _INVENTORY]))


def _parse_inventory(lines: list[str]) -> Inventory:
    for line in lines:
        if line.startswith(_MARK):
            version, machine, files = json.loads(line.removeprefix(_MARK))
            return Inventory(version, machine, files)
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


def require_same(expected: dict[str, str], found: dict[str, str], port: str) -> None:
    """Raise VerifyError naming the files that differ from, or are missing on, the board."""
    wrong = sorted(name for name, digest in expected.items() if found.get(name) != digest)
    if wrong:
        shown = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise VerifyError(
            f"{len(wrong)} of {len(expected)} files on {port} differ from the build: {shown}; the output "
            f"is off; run: microcurrent flash --port {port}"
        )
