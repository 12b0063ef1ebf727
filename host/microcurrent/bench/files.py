"""The littlefs filesystem inside the flash, written and read directly: an upload of a whole firmware in 50 ms."""

from littlefs import LittleFS, LittleFSError

from ..errors import ImageError

FILESYSTEM_OFFSET = 0xA0000  # MicroPython 1.26, ports/rp2/boards/RPI_PICO: the last 1408 KiB of 2 MiB
BLOCK_BYTES = 4096
BLOCK_COUNT = 352
_END = FILESYSTEM_OFFSET + BLOCK_BYTES * BLOCK_COUNT


def empty_filesystem() -> bytes:
    """A formatted, empty filesystem."""
    filesystem = _filesystem()
    filesystem.format()
    return bytes(filesystem.context.buffer)


def read_files(flash: "bytes | bytearray | memoryview") -> dict[str, bytes]:
    """{absolute path: contents} of every file. Raises ImageError when no filesystem is there."""
    filesystem = _mounted(flash)
    files: dict[str, bytes] = {}
    for folder, _, names in filesystem.walk("/"):
        for name in names:
            path = f"{folder.rstrip('/')}/{name}"
            with filesystem.open(path, "rb") as file:
                files[path] = bytes(file.read())
    return files


def install_files(flash: "bytearray | memoryview", files: dict[str, bytes]) -> None:
    """Write files, keeping the others. The board must not be using its filesystem: reset it afterwards.

    Raises ImageError when no filesystem is there or it is full.
    """
    filesystem = _mounted(flash)
    try:
        for path, contents in files.items():
            folder = path.rpartition("/")[0]
            if folder:
                filesystem.makedirs(folder, exist_ok=True)
            with filesystem.open(path, "wb") as file:
                file.write(contents)
    except LittleFSError as error:
        raise ImageError(
            f"the board's filesystem took not all of {len(files)} files ({error}); it keeps what was "
            f"there; free some of its {BLOCK_COUNT * BLOCK_BYTES // 1024} KiB"
        ) from None
    flash[FILESYSTEM_OFFSET:_END] = bytes(filesystem.context.buffer)


def _filesystem() -> LittleFS:
    # mount=True would silently format what it cannot mount
    return LittleFS(block_size=BLOCK_BYTES, block_count=BLOCK_COUNT, mount=False)


def _mounted(flash: "bytes | bytearray | memoryview") -> LittleFS:
    filesystem = _filesystem()
    filesystem.context.buffer[:] = flash[FILESYSTEM_OFFSET:_END]
    try:
        filesystem.mount()
    except LittleFSError as error:
        raise ImageError(
            f"the flash holds no filesystem ({error}); it is unchanged; start from a fresh image"
        ) from None
    return filesystem
