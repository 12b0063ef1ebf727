"""The official image, from the address that the emulator's firmware list holds. Patience is seconds, not minutes."""

import queue
import threading
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

from ..errors import ImageError

CONNECT_S = 6.0  # name resolution, connection and the first byte together
STALL_S = 8.0  # without one further byte
CHUNK_BYTES = 65536


def address_of(version: str) -> str:
    """Where the image of this version is published. Raises ImageError for a version the list does not know."""
    from rp2040py.utils.firmware_retrieve import MICROPYTHON

    boards = MICROPYTHON.boards or {}
    known = boards["pico"].fw if "pico" in boards else {}
    if version not in known:
        raise ImageError(f"the list of official images has no {version}")
    return known[version]


def fetch(url: str, target: Path, say: Callable[[str], None]) -> None:
    """Fetch `url` to `target`. Raises ImageError; part of the file may then be in `target`."""
    chunks: queue.Queue[bytes | Exception] = queue.Queue(maxsize=16)
    # A thread, because name resolution has no time-out of its own; a daemon, so that it cannot keep us waiting.
    threading.Thread(target=_read, args=(url, chunks), daemon=True).start()
    received = 0
    patience_s = CONNECT_S
    with open(target, "wb") as file:
        while chunk := _next(chunks, patience_s, received):
            file.write(chunk)
            received += len(chunk)
            patience_s = STALL_S
            say(f"downloading: {received // 1024} KB")
    if not received:
        raise ImageError("the server sent an empty file")


def _next(chunks: "queue.Queue[bytes | Exception]", patience_s: float, received: int) -> bytes:
    try:
        item = chunks.get(timeout=patience_s)
    except queue.Empty:
        raise ImageError(f"no answer from the network within {patience_s:.0f} s ({received} bytes received)") from None
    if isinstance(item, Exception):
        raise ImageError(f"the network says: {item}") from None
    return item


def _read(url: str, chunks: "queue.Queue[bytes | Exception]") -> None:
    """Thread body: puts chunks, then b"" at the end, or the exception."""
    try:
        # Longer than fetch() waits, so that it is always fetch() that loses patience, with its own words.
        with urllib.request.urlopen(url, timeout=CONNECT_S + STALL_S) as response:
            while chunk := response.read(CHUNK_BYTES):
                chunks.put(chunk)
            if response.length:  # what Content-Length promised and did not come
                raise OSError(f"the transfer ended {response.length} bytes early")
        chunks.put(b"")
    except (OSError, ValueError, HTTPException) as error:
        chunks.put(error)
