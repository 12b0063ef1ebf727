"""Which sample of the campaign this commit takes. Without the firmware: every run of the tests prints it."""

import os
import subprocess
from pathlib import Path

SEED_ENV = "MICROCURRENT_CAMPAIGN_SEED"  # repeats the sample of another commit
NO_COMMIT = 1  # seed of a tree that git does not know


def of_commit() -> int:
    """From the environment, else from the commit that is checked out, else NO_COMMIT."""
    given = os.environ.get(SEED_ENV)
    if given:
        return int(given)
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=8", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return NO_COMMIT
    return int(found.stdout.strip()[:8], 16)
