"""Puts the firmware on a board: what changed is uploaded by mpremote, everything is verified by hash on the board."""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import build, remote, signing, staging
from .client import DeviceClient
from .connect import client_on
from .errors import FirmwareError, ImageError, PortError, RecordError, RefusedError, VerifyError
from .session import is_running
from .transport import open_transport

MIN_IMAGE = (1, 26)  # hard timers on the rp2 port
MANAGED = ("/lib/firmware/", "/lib/adafruit_")  # our folders: what is in them and not in the build is stale
_ALWAYS = (build.MANIFEST, "/main.py")  # of every upload: the last step of staging.py needs the one
DEFAULT_BOARD = "rp2040_pico"
FIRST_HELLO_S = 3.0  # boot takes 2.2 s; a board without firmware must not cost long
BACK_S = 15.0

Progress = Callable[[str, int, int], None]  # file on the board, bytes done, bytes in all


@dataclass(frozen=True)
class Flashed:
    """What flashing did."""

    port: str
    board: str
    micropython: str
    manifest: str
    uploaded: list[str]
    removed: list[str]
    unchanged: int
    identity: dict


def flash(
    port: str,
    board: str | None,
    *,
    force: bool = False,
    allow_downgrade: bool = False,
    say: Callable[[str], None],
    progress: Progress,
) -> Flashed:
    """Bring the board on `port` to the present build, signed if there is a key, and start it. Raises what is in
    errors.py; up to the last moment the board keeps the firmware it had, see staging.py.

    board: None for the one whose firmware it runs, or DEFAULT_BOARD.
    """
    if board:
        build.build_firmware(board)  # an unknown name is refused before the board is disturbed
    say(f"asking the board on {port} for its files")
    answered = quiesce(port, refuse_frozen)
    try:
        wanted = signing.signed(build.build_firmware(board or running_board(answered)))
        held = remote.inventory(port)
        check_board(held, wanted, port)
        check_number(held, wanted, port, allow_downgrade)
        check_strangers(held, wanted, port)
    except (FirmwareError, ImageError, RecordError, VerifyError):
        if answered:
            restart(port)  # refused, so it goes on with what it had
        raise
    expected = wanted.hashes()
    changed = [name for name in wanted.files if force or held.files.get(name) != expected[name]]
    stale = [name for name in held.files if _is_stale(name, wanted)]
    gone = [*stale, *([staging.HIGHEST] if held.highest > wanted.number else [])]
    if changed or gone:
        changed = [name for name in wanted.files if name in changed or name in _ALWAYS]
        say(f"uploading {len(changed)} of {len(expected)} files")
        _upload(port, wanted, changed, held.files, progress)
        say("switching to them, and verifying by hash on the board")
        remote.require_same(expected, remote.switch(port, gone).files, port)
    say("starting the firmware")
    identity = restart(port)
    return Flashed(
        port, wanted.board, held.version, wanted.hash, changed, stale, len(expected) - len(changed), identity
    )


@dataclass(frozen=True)
class Verified:
    """What was compared: signature says who signed it, in words."""

    board: str
    files: int
    signature: str


def verify(port: str, board: str | None) -> Verified:
    """Every file on the board is that of the build, no other can be imported, and the signature is one to trust.

    Raises VerifyError.

    The firmware is put into maintenance for it (output off) and started again afterwards. One that is frozen goes on:
    it names the hash of the very files that were frozen, and its self-test proves that the flash still holds them.
    """
    if board:
        build.build_firmware(board)  # an unknown name is refused before the board is disturbed
    try:
        identity = quiesce(port, refuse_frozen)
    except FrozenError as frozen:
        return _verify_frozen(frozen.identity, board, port)
    held = remote.inventory(port)
    if identity:
        restart(port)  # it ran before, so it goes on, whatever is found
    chosen = board or running_board(identity)
    wanted = build.build_firmware(chosen)
    check_board(held, wanted, port)
    remote.require_same(wanted.hashes(), held.files, port)
    _require_none_beside(held, wanted, port)
    signature = signing.judged(held.manifest.encode(), held.signature.encode(), port)
    if identity.get("altered"):
        raise VerifyError(
            f"the files on {port} are those of the build, but the board refuses them: {identity['altered']}"
        )
    if not identity:
        restart(port)
    return Verified(wanted.board, len(wanted.files), signature)


def _verify_frozen(identity: dict, board: str | None, port: str) -> Verified:
    wanted = build.build_firmware(board or running_board(identity))
    if (identity["board"], identity["manifest"]) != (wanted.board, wanted.hash):
        raise VerifyError(
            f"the production image on {port} holds {identity['board']} with manifest {identity['manifest']}, the build "
            f"for {wanted.board} has {wanted.hash}; it goes on; build a new one with: microcurrent image --production, "
            f"and put it there with: microcurrent flash --production IMAGE.uf2"
        )
    if identity.get("altered"):
        raise VerifyError(f"the production image on {port} is not whole: {identity['altered']}")
    return Verified(wanted.board, len(wanted.files), "sealed by its digest, which the board proved at its last boot")


def running_board(identity: dict) -> str:
    """The board whose firmware answered, as far as we build for it; else DEFAULT_BOARD."""
    named = identity.get("board")
    return named if named in build.known_boards() else DEFAULT_BOARD


class FrozenError(FirmwareError):
    """Files are meant for a board whose modules are frozen; `identity` is what it said of itself, {} at a prompt."""

    def __init__(self, port: str, identity: dict) -> None:
        super().__init__(
            f"the board on {port} has a production image, whose frozen modules go before every file; nothing was "
            f"written; give it another image with: microcurrent flash --production IMAGE.uf2, or for uploads plain "
            f"MicroPython: microcurrent image"
        )
        self.identity = identity


def refuse_frozen(identity: dict, port: str) -> None:
    """Raise FrozenError when the firmware that answered is frozen."""
    if identity.get("image") == "frozen":
        raise FrozenError(port, identity)


def quiesce(port: str, look: Callable[[dict, str], None]) -> dict:
    """Bring the board to a prompt without output and without watchdog; {} when no firmware answered.

    look(identity, port) may refuse, before the board is disturbed. Raises RefusedError while a session runs. Without a
    firmware that answers, mpremote's Ctrl-C does the rest.
    """
    with client_on(port) as client:
        try:
            identity = client.hello(FIRST_HELLO_S)
        except FirmwareError:
            if not client.identity:
                return {}
            identity = client.identity  # it answers, in another version of the protocol
            look(identity, port)
        else:
            look(identity, port)
            if is_running(client.request("status")):
                raise RefusedError(f"a session is running on {port}; it goes on; stop it first with: microcurrent stop")
        client.request("maintenance")
        wait_for_prompt(client)
    return identity


def wait_for_prompt(client: DeviceClient) -> None:
    """After a maintenance request: until the reset is over and the board shows its prompt. Raises PortError."""
    deadline = client.transport.now() + BACK_S
    while True:
        try:
            client.reopen(BACK_S)
            if client.prompt_within(1.0):
                return
        except PortError:  # the old port was opened just before it went away
            pass
        if client.transport.now() >= deadline:
            raise PortError(
                f"the board on {client.port} did not reach its prompt within {BACK_S:.0f} s; the output is "
                f"off; unplug it, plug it in and try again"
            )


def boards_for(held: remote.Inventory) -> list[str]:
    """Names of the boards whose firmware fits the chip that answered."""
    return [name for name in build.known_boards() if held.machine.startswith(build.board_constants(name).MACHINE)]


def check_board(held: remote.Inventory, wanted: build.Build, port: str) -> None:
    """Raise FirmwareError when the image is frozen or too old, or the chip is not the one the build is for."""
    if held.frozen:
        raise FrozenError(port, {})
    fitting = boards_for(held)
    if wanted.board not in fitting:
        remedy = f"choose another with --board ({', '.join(fitting)})" if fitting else "connect another board"
        raise FirmwareError(
            f"the board is {held.machine!r}, {wanted.board} is for "
            f"{build.board_constants(wanted.board).MACHINE!r}; nothing was written; {remedy}"
        )
    version = tuple(int(part) for part in held.version.split(".")[:2])
    if version < MIN_IMAGE:
        raise FirmwareError(
            f"the board runs MicroPython {held.version}, {MIN_IMAGE[0]}.{MIN_IMAGE[1]} or newer is "
            f"needed; nothing was written; install the image that this names: microcurrent image"
        )


def check_number(held: remote.Inventory, wanted: build.Build, port: str, allow_downgrade: bool) -> None:
    """Raise FirmwareError when the build is older than what runs, or ran, on the board."""
    newest = max(held.highest, _number_of(held.manifest))
    if wanted.number < newest and not allow_downgrade:
        raise FirmwareError(
            f"the build is {wanted.firmware} with number {wanted.number}, the board on {port} has run number {newest}; "
            f"nothing was written; update microcurrent, or, if you know what the older firmware lacks: "
            f"microcurrent flash --port {port} --allow-downgrade"
        )


def _number_of(manifest: str) -> int:
    try:
        return int(json.loads(manifest)["number"])
    except (ValueError, KeyError, TypeError):
        return 0


def check_strangers(held: remote.Inventory, wanted: build.Build, port: str) -> None:
    """Raise FirmwareError for a file that is not ours to remove, and that an import could find instead of ours."""
    strange = [name for name in _strangers(held, wanted) if not _is_stale(name, wanted)]
    if strange:
        raise FirmwareError(
            f"{', '.join(strange[:5])} on {port} could be imported instead of the firmware, which refuses output for "
            f"it; nothing was written; remove it: mpremote connect {port} rm :{strange[0]}"
        )


def _strangers(held: remote.Inventory, wanted: build.Build) -> list[str]:
    """Files that could be imported and are none of the build's."""
    return [
        name
        for name in sorted(held.files)
        if name.endswith((".py", ".mpy")) and name not in wanted.files and not name.startswith(f"{staging.FOLDER}/")
    ]


def _is_stale(name: str, wanted: build.Build) -> bool:
    return name not in wanted.files and (name == build.SIGNATURE or name.startswith(MANAGED))


def _require_none_beside(held: remote.Inventory, wanted: build.Build, port: str) -> None:
    strange = _strangers(held, wanted)
    if strange:
        raise VerifyError(
            f"{len(strange)} files on {port} are none of the build's and could be imported instead: "
            f"{', '.join(strange[:5])}; the board refuses output; remove them: mpremote connect {port} rm :{strange[0]}"
        )


def require_installed(held: remote.Inventory, port: str) -> None:
    """Raise FirmwareError when the board holds no firmware of ours."""
    if not held.frozen and ("/main.py" not in held.files or build.MANIFEST not in held.files):
        raise FirmwareError(
            f"no firmware is installed on {port}; the output is off; run: microcurrent flash --port {port}"
        )


def restart(port: str) -> dict:
    """Reset the board and wait for the firmware's hello. Returns the identity. Raises FirmwareError, PortError."""
    remote.reset(port)
    with DeviceClient(open_transport(port, wait_s=BACK_S)) as client:
        try:
            return client.reconnect(BACK_S)
        except FirmwareError:
            if not client.at_prompt:
                raise
            raise FirmwareError(
                f"the firmware on {port} does not start: {BACK_S:.0f} s after a reset the board shows a MicroPython "
                f"prompt; the output is off; upload it again: microcurrent flash --port {port} --force"
            ) from None


def _upload(port: str, wanted: build.Build, changed: list[str], held: dict[str, str], progress: Progress) -> None:
    """Have all changed files wait on the board. What an upload that was cut short left there, and is right, stays."""
    expected = {staging.place_of(name): digest for name, digest in wanted.hashes().items() if name in changed}
    lacking = [name for name in changed if held.get(staging.place_of(name)) != expected[staging.place_of(name)]]
    useless = [name for name in held if name.startswith(f"{staging.FOLDER}/") and name not in expected]
    total = sum(len(wanted.files[name]) for name in lacking)
    done = 0
    with tempfile.TemporaryDirectory(prefix="microcurrent-upload-") as place:
        groups = _stage(Path(place), wanted, lacking)

        def on_line(text: str) -> None:
            """mpremote names each file as it begins it: what it named before is done."""
            nonlocal done
            if text.startswith(f"cp {place}"):
                name = text[len(f"cp {place}") :].rsplit(" ", 1)[0]
                progress(name, done, total)
                done += len(wanted.files[name])

        found = remote.upload(port, _folders(changed), useless, groups, on_line)
    progress("", total, total)
    remote.require_same(expected, found.files, port)


def _stage(place: Path, wanted: build.Build, lacking: list[str]) -> list[tuple[list[str], str]]:
    """Write the files to upload under `place`; returns ([local files], folder on the board)."""
    groups: dict[str, list[str]] = {}
    for name in lacking:
        local = place / name.lstrip("/")
        local.parent.mkdir(parents=True, exist_ok=True)
        local.write_bytes(wanted.files[name])
        groups.setdefault(os.path.dirname(staging.place_of(name)), []).append(str(local))
    return [(groups[folder], folder) for folder in sorted(groups)]


def _folders(changed: list[str]) -> list[str]:
    """Every folder that the waiting files need, parents first."""
    found = set()
    for name in changed:
        folder = os.path.dirname(staging.place_of(name))
        while folder != "/":
            found.add(folder)
            folder = os.path.dirname(folder)
    return sorted(found)
