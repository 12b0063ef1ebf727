"""Every failure a user can meet, one class per kind; the kind decides the exit code of the command line.

Texts follow one template: what happened with the number and the limit; the state now; what to do.
"""


class MicrocurrentError(Exception):
    """A failure with a sentence for the user. `exit_code` is what the command line returns for its kind."""

    exit_code = 1
    meaning = "a failure that fits no other code"


class BadValueError(MicrocurrentError):
    """A value or a combination of options that no board would take."""

    exit_code = 2
    meaning = "usage: an option or a value is wrong; nothing was sent"


class NoBoardError(MicrocurrentError):
    """No board, or more than one to choose from."""

    exit_code = 3
    meaning = "no board found, or several and none chosen"


class PortError(MicrocurrentError):
    """The port is busy, vanished, or the link does not carry frames."""

    exit_code = 4
    meaning = "the port is busy or vanished, or the link was lost"


class FirmwareError(MicrocurrentError):
    """The firmware is missing, of another version, or for another board."""

    exit_code = 5
    meaning = "the firmware is missing, old, or for another board"


class RefusedError(MicrocurrentError):
    """The device refuses the request: a limit, or the state it is in."""

    exit_code = 6
    meaning = "the device refused: a limit or its present state"


class FaultError(MicrocurrentError):
    """A fault is latched, or was raised during the command."""

    exit_code = 7
    meaning = "a fault is latched or was raised"


class ImageError(MicrocurrentError):
    """The MicroPython image or the build of the board files failed."""

    exit_code = 8
    meaning = "the MicroPython image or the firmware build failed"


class RecordError(MicrocurrentError):
    """Records cannot be written or read, or a file of the user cannot."""

    exit_code = 9
    meaning = "records or another file cannot be read or written"


class VerifyError(MicrocurrentError):
    """A self-test or a comparison of files did not pass."""

    exit_code = 10
    meaning = "a self-test or a verification failed"


INTERRUPTED_EXIT_CODE = 130  # 128 + SIGINT, as shells count it
KINDS = (
    MicrocurrentError,
    BadValueError,
    NoBoardError,
    PortError,
    FirmwareError,
    RefusedError,
    FaultError,
    ImageError,
    RecordError,
    VerifyError,
)


def exit_code_table() -> list[tuple[int, str]]:
    """(code, meaning) of every exit code, in order: the documentation and the tests print it."""
    rows = [(0, "done")]
    rows += [(kind.exit_code, kind.meaning) for kind in KINDS]
    rows.append((INTERRUPTED_EXIT_CODE, "interrupted by Ctrl-C; a running session was ramped down first"))
    return rows
