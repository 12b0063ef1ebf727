"""`make firmware-twice`: the production image built from nothing in two places, from copies of the sources: same bytes.

The one in the cache, which may have been built in many small steps, must be the same too.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ("boards", "firmware", "host")
BUILD = """
import sys
from microcurrent.errors import ImageError
from microcurrent.image.production import production_image
try:
    print(production_image(sys.argv[1])[0])
except ImageError as error:
    sys.exit(f"error: {error}")
"""
PLACES = ("one", "another/with/a-longer-name")  # of cache and sources; names that must not show in the image


def built(board: str, sources: Path, cache: str | None) -> str:
    """The sha256 of a board's image, built from these sources with this cache, None for the user's.

    Raises CalledProcessError when it cannot be built; the reason is on stderr by then.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(sources / "host"), str(sources)))}
    if cache:
        environment["MICROCURRENT_CACHE"] = cache
    command = [sys.executable, "-c", BUILD, board]
    done = subprocess.run(command, env=environment, cwd=sources, stdout=subprocess.PIPE, text=True, check=True)
    return hashlib.sha256(Path(done.stdout.strip()).read_bytes()).hexdigest()


def main(board: str = "rp2040_pico") -> int:
    """Build, tell each digest; 1 when they differ."""
    digests = []
    with tempfile.TemporaryDirectory(prefix="microcurrent-twice-") as folder:
        for name in PLACES:
            place = Path(folder) / name
            for part in SOURCES:
                shutil.copytree(ROOT / part, place / "sources" / part, ignore=shutil.ignore_patterns("__pycache__"))
            digests.append(built(board, place / "sources", str(place / "cache")))
            sys.stdout.write(f"{digests[-1]}  built from nothing in {name}\n")
    digests.append(built(board, ROOT, None))
    sys.stdout.write(f"{digests[-1]}  in the cache, built step by step\n")
    same = len(set(digests)) == 1
    sys.stdout.write(f"{board}: {'the same bytes' if same else 'the images DIFFER'}\n")
    return int(not same)


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except subprocess.CalledProcessError:
        sys.exit("nothing was compared")
