"""The mutation run itself: it tells a survivor, and a list that names what does not survive."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.listed import equivalents
from tests.mutation.mutants import ROOT

FILE = "firmware/core/gate.py"
STALE = f"""
[[equivalent]]
file = "{FILE}"
operator = "NumberReplacer"
after = ["PERMITTED = 1"]
reason = "It is not: the cases kill it."
"""


def test_a_survivor_and_a_stale_list_fail_the_run(tmp_path: Path) -> None:
    listed = tmp_path / "equivalent.toml"
    listed.write_text(STALE)
    command = [sys.executable, "-m", "tests.mutation", FILE, "--listed", str(listed)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "ReplaceComparisonOperator_NotEq_IsNot\n  - if state != state_needed:" in ran.stdout
    assert f"listed, but killed or gone: {FILE} NumberReplacer" in ran.stdout
    assert ran.stdout.count("survived: ") == 1


def test_an_equivalent_mutant_needs_its_reason(tmp_path: Path) -> None:
    listed = tmp_path / "equivalent.toml"
    listed.write_text(STALE.replace("It is not: the cases kill it.", " "))
    with pytest.raises(TypeError, match="needs its reason"):
        equivalents(listed)
