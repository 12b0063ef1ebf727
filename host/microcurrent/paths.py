"""Where things live on this machine: records, caches, sockets. Environment variables override each place."""

import os
from pathlib import Path

from .errors import ImageError, PortError, RecordError

APP = "microcurrent"
DATA_ENV = "MICROCURRENT_DATA_DIR"
CACHE_ENV = "MICROCURRENT_CACHE"
CONFIG_ENV = "MICROCURRENT_CONFIG_DIR"
RUNTIME_ENV = "MICROCURRENT_RUNTIME_DIR"


def data_dir(chosen: str | None = None) -> Path:
    """The directory of the records: `chosen` (--data-dir), else the environment, else the platform's. Not created."""
    given = chosen or os.environ.get(DATA_ENV)
    if given:
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir(APP, appauthor=False))


def make_data_dir(chosen: str | None = None) -> Path:
    """`data_dir`, created. Raises RecordError when it cannot be."""
    place = data_dir(chosen)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(
            f"the data directory {place} cannot be created ({error.strerror}); nothing was started; "
            f"choose another with --data-dir or {DATA_ENV}"
        ) from None
    return place


def config_dir() -> Path:
    """The directory of keys: from the environment, else the platform's. Not created."""
    given = os.environ.get(CONFIG_ENV)
    if given:
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_config_dir(APP, appauthor=False))


def cache_dir() -> Path:
    """The cache for images and builds, created. Raises ImageError when it cannot be."""
    given = os.environ.get(CACHE_ENV)
    if given:
        place = Path(given).expanduser()
    else:
        import platformdirs

        place = Path(platformdirs.user_cache_dir(APP, appauthor=False))
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(
            f"the cache directory {place} cannot be created ({error.strerror}); nothing was built; "
            f"choose another with {CACHE_ENV}"
        ) from None
    return place


def runtime_dir() -> Path:
    """The private directory for sockets of running commands, created with mode 0700. Raises PortError."""
    given = os.environ.get(RUNTIME_ENV)
    if given:
        place = Path(given).expanduser()
    else:
        import warnings

        import platformdirs

        with warnings.catch_warnings():  # without XDG_RUNTIME_DIR it takes a folder of ours under /tmp, which is fine
            warnings.simplefilter("ignore", UserWarning)
            place = Path(platformdirs.user_runtime_dir(APP, appauthor=False))
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise PortError(
            f"the runtime directory {place} cannot be created ({error.strerror}); nothing was opened; "
            f"choose another with {RUNTIME_ENV}"
        ) from None
    return place
