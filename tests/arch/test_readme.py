"""The README's fault table is that of firmware/shared/faults.py."""

import re

import pytest

from firmware.shared import faults
from tests import readme


def test_tables_are_up_to_date() -> None:
    text = readme.README.read_text()
    assert text == readme.rendered(text), "write them anew with: python -m tests.readme"


def test_a_table_without_its_place_is_noticed() -> None:
    with pytest.raises(ValueError, match="places for the table 'faults'"):
        readme.rendered("nothing")


def test_every_fault_and_time_stands_there() -> None:
    table = readme.fault_table()
    assert len(re.findall(r"^\| \d+ \|", table, re.MULTILINE)) == len(faults.TABLE)
    assert readme.shown(0) == "never on" and readme.shown(105) == "105 µs"
    assert readme.shown(10_200) == "10.2 ms" and readme.shown(2_050_000) == "2.05 s"
