"""Shared fixtures: the MicroPython image, the compiled firmware, and virtual boards at emulated time.

An in-process board's time advances only when a test (or a transport's read) runs it. A board in a process of its own
keeps pace with the wall clock: its tests wait for events, with limits that only a hang exceeds. No test asserts how
long anything took on the wall clock.
"""

import os
import sys
from pathlib import Path

import pytest

from microcurrent.build import build_firmware
from microcurrent.image.production import production_image
from microcurrent.image.resolver import IMAGE_ENV, resolve_image
from tests.campaign import seed
from tests.hazards.outcome import HazardOutcome
from tests.hil import result, rungs


def pytest_configure(config: pytest.Config) -> None:
    """A hazard whose tests did not all run and pass fails a full run."""
    config.pluginmanager.register(HazardOutcome(config), "hazards")
    config.addinivalue_line("markers", "rung(name): what a real board needs for the scenario, see tests/hil/rungs.py")
    rungs.check_options(config)
    if config.getoption("--result"):
        config.pluginmanager.register(result.ResultFile(config), "result")
    if config.getoption("--frozen"):
        os.environ[IMAGE_ENV] = str(production_image("rp2040_pico", _say)[0])


def pytest_addoption(parser: pytest.Parser) -> None:
    rungs.add_options(parser)
    parser.addoption("--frozen", action="store_true", help="run the hil scenarios on production images")


def pytest_report_header() -> str:
    """What repeats the campaign's sample of this commit."""
    return f"campaign: {seed.SEED_ENV}={seed.of_commit()}"


def _say(text: str) -> None:
    """Progress of a build, where there is one."""
    sys.stderr.write(f"{text}\n")


@pytest.fixture(scope="session")
def image() -> Path:
    """The MicroPython image, as `microcurrent image` obtains it."""
    return resolve_image().path


@pytest.fixture(scope="session")
def firmware_files() -> dict[str, bytes]:
    """What `microcurrent flash` uploads to a Pico: device path -> content."""
    return build_firmware("rp2040_pico").files
