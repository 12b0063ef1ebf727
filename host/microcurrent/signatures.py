"""The table of "signature frequencies": what vendors of frequency-specific devices call a frequency.

The labels are theirs; vendors themselves make no claim for them. The table is a TOML file that a user may replace:
signature_frequencies.toml in the data directory counts before the one that comes with microcurrent.
"""

import tomllib
from pathlib import Path

from . import quantities
from .errors import BadValueError, RecordError

FILE_NAME = "signature_frequencies.toml"
KINDS = ("conditions", "tissues")


class Signatures:
    """{kind: {label: frequency as text}} from a file."""

    def __init__(self, path: Path) -> None:
        """Raises BadValueError for a table that is none, RecordError for a file that cannot be read."""
        self.path = path
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise RecordError(f"{path} cannot be read ({error.strerror}); nothing was started; restore it") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadValueError(f"{path} is no TOML ({error}); nothing was started; correct it, or remove it") from None
        self.table: dict[str, dict[str, str]] = {}
        for kind in KINDS:
            rows = table.get(kind)
            if not isinstance(rows, dict) or not all(isinstance(value, str) for value in rows.values()):
                raise BadValueError(
                    f'{path}: [{kind}] must hold lines like: nerve = "396Hz"; nothing was started; correct it'
                )
            self.table[kind] = rows

    def frequency(self, kind: str, label: object, where: str) -> str:
        """The frequency of a label, as text with its unit. Raises BadValueError for one that is not in the table."""
        rows = self.table[kind]
        if not isinstance(label, str) or label not in rows:
            raise BadValueError(
                f"{where}: there is no {label!r} among the {kind} of {self.path.name}; nothing was started; choose one "
                f"of: {', '.join(rows)}"
            )
        return rows[label]

    def labels_of(self, frequency_mhz: int, kind: str) -> list[str]:
        """What the table calls a frequency."""
        return [label for label, text in self.table[kind].items()
                if quantities.parse(text, quantities.FREQUENCY) == frequency_mhz]  # fmt: skip
