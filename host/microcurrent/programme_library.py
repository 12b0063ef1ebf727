"""Where programmes are: those that come with microcurrent, and the user's own, in the data directory, before them."""

from importlib import resources
from pathlib import Path

from . import paths
from .errors import BadValueError, RecordError
from .programme import Loader, Programme
from .refused_systems import refuse_if_known
from .signatures import FILE_NAME, Signatures

FOLDER = "programs"  # in the data directory
_SUFFIX = ".toml"


class Library:
    """The programmes of a data directory and of the package."""

    def __init__(self, data_dir: str | None = None) -> None:
        place = paths.data_dir(data_dir)
        self.own = place / FOLDER
        self.supplied = Path(str(resources.files("microcurrent.programmes")))
        table = place / FILE_NAME
        self.signatures_path = table if table.exists() else self.supplied / FILE_NAME

    def names(self) -> dict[str, Path]:
        """{name: file}, in alphabetical order; the user's own take the place of supplied ones of the same name."""
        found: dict[str, Path] = {}
        for folder in (self.supplied, self.own):
            if folder.is_dir():
                found |= {path.stem: path for path in folder.glob(f"*{_SUFFIX}") if path.name != FILE_NAME}
        return dict(sorted(found.items()))

    def find(self, name: str) -> Path:
        """The file of a programme: by name, or by path. Raises RefusedError for a system that microcurrent refuses,
        with the reason; BadValueError when there is none.
        """
        if "/" in name or name.endswith(_SUFFIX):
            return Path(name).expanduser()
        known = self.names()
        if name not in known:
            refuse_if_known(name)
            raise BadValueError(
                f"there is no programme {name!r}; nothing was started; choose one of: {', '.join(known)}, or name a "
                f"file"
            )
        return known[name]

    def load(self, name: str) -> Programme:
        """The checked programme of that name or file. Raises what Loader.load raises."""
        return Loader(self.find, Signatures(self.signatures_path)).load(self.find(name))

    def own_path(self, name: str) -> Path:
        """Where a programme of the user's own would be. Raises BadValueError for a name that is none."""
        if not name or len(name) > 32 or not all(part.isalnum() for part in name.replace("_", "-").split("-")):
            raise BadValueError(
                f"{name!r} is no name of a programme (letters, digits, - and _, at most 32); nothing was written; "
                f"choose another"
            )
        return self.own / f"{name}{_SUFFIX}"

    def write(self, path: Path, data: bytes, *, replace: bool) -> None:
        """Store one of the user's own. Raises RecordError when there is one already, or the disk refuses."""
        if path.exists() and not replace:
            raise RecordError(f"{path} exists; nothing was written; choose another name, or add --replace")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".new")
            unfinished.write_bytes(data)
            unfinished.replace(path)
        except OSError as error:
            raise RecordError(f"{path} cannot be written ({error.strerror}); nothing was changed; free some space or "
                              f"choose another place with --data-dir") from None  # fmt: skip
