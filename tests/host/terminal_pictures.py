"""Draws host/treat.png: the full-screen view of `microcurrent treat` on a virtual Pico, in the middle of a programme.

Two minutes: python -m tests.host.terminal_pictures [TARGET]
"""

import re
import sys
import tempfile
from pathlib import Path

from PIL import Image

from boards.rp2040_pico import board
from microcurrent.build import build_firmware
from microcurrent.image.resolver import resolve_image
from microcurrent.programme_library import Library
from tests import chromium
from tests.hil.conftest import made_bench
from tests.screens import Watched

SIZE = (80, 24)
FONT = "DejaVu Sans Mono"  # has braille and blocks of one width
COLOURS = 64
BOOT_MS = 2000


def main(target: Path) -> None:
    """Run the programme with a hand that lifts off once, and put two moments of it below each other."""
    bench = made_bench(resolve_image().path, build_firmware(board.BOARD).files, {"board": board})
    bench.pico.open_port()
    bench.pico.run_for_ms(BOOT_MS)
    bench.pico.serial_read()
    bench.client.hello()
    moments: list[str] = []

    async def scenario(seen: Watched) -> None:
        def keep() -> None:
            moments.append(seen.app.export_screenshot(title="microcurrent treat lift"))

        seen.until("step 2 of 10   current flows", limit_s=90)
        seen.run(12)
        await seen.press("d")
        seen.until("step 4 of 10   current flows", limit_s=200)
        seen.run(23.4)
        keep()
        bench.pico.set_load("open")
        seen.until("contact lost")
        seen.run(1)
        keep()

    Watched(bench, Library("/nowhere").load("lift")).watch(scenario, SIZE)
    with tempfile.TemporaryDirectory() as folder:
        pictures = [_picture(svg, Path(folder) / f"{number}.html") for number, svg in enumerate(moments)]
    width, height = max(each.width for each in pictures), sum(each.height for each in pictures)
    whole = Image.new("RGB", (width, height))
    top = 0
    for each in pictures:
        whole.paste(each, (0, top))
        top += each.height
    whole.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)


def _picture(svg: str, page: Path) -> Image.Image:
    """The screenshot as a browser draws it, with a font of this machine instead of one from elsewhere."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", FONT)
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert found is not None, svg[:200]
    size = (int(float(found[1])) + 1, int(float(found[2])) + 1)
    page.write_text(f'<body style="margin:0;background:#fff">{svg}')
    with Image.open(chromium.screenshot(page, page.with_suffix(".png"), size)) as picture:
        return picture.convert("RGB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("host/treat.png"))
