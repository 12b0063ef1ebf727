"""The stages' cases, and the proof that what the board gets is these stages: the same words after the same samples."""

import ast
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.hw.interrupt import rp2
from microcurrent import expand
from microcurrent.build import compiled

from . import tables
from .cases import case_rp2
from .world import Words, World, placed, pointer, signed

CASES = sorted(path.stem for path in (Path(__file__).parent / "cases").glob("case_*.py"))


def functions() -> list[Callable[[], None]]:
    modules = [importlib.import_module(f"tests.interrupt.cases.{case}") for case in CASES]
    return [value for module in modules for name, value in vars(module).items() if name.startswith("test_")]


@pytest.mark.parametrize("case", functions(), ids=lambda case: f"{case.__module__.rpartition('.')[2]}-{case.__name__}")
def test_case(case: Callable[[], None]) -> None:
    case()
    assert case.__module__.startswith("tests.interrupt.cases.")


def test_the_build_holds_the_stages_as_they_are(firmware_files: dict[str, bytes]) -> None:
    """Compiled from an expansion made now, it has the same bytes; with a stage changed, it has others."""
    name, texts = "/lib/firmware/hw/interrupt", expand.sources()
    assert firmware_files[f"{name}.mpy"] == compiled("rp2040_pico", f"{name}.py", expand.expanded().encode())
    texts["accounts"] = texts["accounts"].replace("IDLE = 9", "IDLE = 10")
    assert firmware_files[f"{name}.mpy"] != compiled("rp2040_pico", f"{name}.py", expand.expanded(texts).encode())


class I32(int):
    """An integer that every operation cuts to 32 bits, as the processor's registers do."""


def _cut(name: str) -> Callable[[I32, int], I32]:
    plain = getattr(int, name)
    return lambda self, other: I32(signed(plain(int(self), int(other))))


for _name in ("add", "sub", "mul", "and", "or", "xor", "lshift", "rshift"):
    for _method in (f"__{_name}__", f"__r{_name}__"):
        setattr(I32, _method, _cut(_method))


class Words32(Words):
    """Words whose values are 32-bit numbers wherever they go."""

    def __getitem__(self, index: int) -> int:
        return I32(self.kept[index])


def expanded_tick() -> Callable[[], None]:
    """The board's tick(), run by Python instead of viper."""
    names: dict[str, Any] = {"ptr8": pointer, "ptr16": pointer, "ptr32": pointer}
    stub = ModuleType("micropython")
    vars(stub)["viper"] = lambda function: function
    sys.modules["micropython"] = stub
    try:
        exec(expand.expanded(), names)
    finally:
        del sys.modules["micropython"]
    return names["tick"]


TICK = expanded_tick()
CODES = st.integers(0, 4095)
COUNTS = st.integers(-2048, 2047)
FLAG = st.integers(0, 1)
SMALL = st.integers(-3, 40)
SUMS = st.integers(-(1 << 28), 1 << 28)
ANY = st.integers(-(1 << 31), (1 << 31) - 1)
RANGES = {
    "next": CODES, "sent": CODES, "was": CODES, "window": st.integers(0, 2000),
    "sense_of_code": st.integers(3000, 4500),
    "follow": st.integers(0, 200), "sensing": FLAG, "astray": st.integers(0, 3), "phase_sign": st.integers(-1, 1),
    "phase_sum": SUMS, "phase_limit": SUMS, "net": SUMS, "net_samples": st.integers(0, 20000), "wrapped": FLAG,
    "wrapped_before": FLAG, "blocked": SMALL, "blocked_max": SMALL, "deadman": SMALL, "run": FLAG, "sparse": FLAG,
    "before": COUNTS, "phase_command": SUMS, "sum_net": ANY, "sum_abs": ANY, "active": SMALL, "peak_current": SMALL,
    "envelope": st.integers(0, 1 << 28), "envelope_step": st.integers(-(1 << 24), 1 << 24), "left": SMALL,
    "down_step": st.integers(1, 1 << 24), "gain": st.integers(-32768, 32767), "use_table": FLAG, "phase": ANY,
    "phase_step": st.integers(0, (1 << 31) - 1), "second": ANY, "second_step": st.integers(0, (1 << 31) - 1),
    "k": SMALL, "n_this": SMALL, "n_base": SMALL, "width": SMALL, "gap_end": SMALL, "slope": st.integers(0, 16384),
    "fraction": st.integers(0, (1 << 30) - 1), "fraction_step": st.integers(0, (1 << 30) - 1),
    "mirror": st.integers(-1, 0), "pays": FLAG, "owed": st.integers(-(1 << 20), 1 << 20), "debt": st.integers(-3, 3),
    "trim": st.integers(-10 << 18, 10 << 18), "trim_owed": st.integers(-(1 << 17), 1 << 17),
    "resting": st.integers(0, 2),
    "burst_cycles": st.integers(0, 3), "burst_left": st.integers(-1, 3), "rest": SMALL,
    "rest_span": st.integers(0, 65535),
    "chance": st.integers(1, 65535), "alternate_cycles": st.integers(0, 3), "alternate_left": st.integers(0, 3),
    "sense_k": SMALL, "sense_half": SMALL, "sense_step": st.integers(0, 40), "go": FLAG, "good": SMALL,
    "open_run": SMALL,
    "open_max": SMALL, "skip": FLAG, "step_due": FLAG, "peak_c": CODES, "peak_a": CODES, "peak_voltage": CODES,
    "full_sense": st.integers(0, 8), "full_command": st.integers(0, 8), "net_begun": FLAG, "net_samples_min": SMALL,
    "net_limit": st.integers(0, 4095), "done": st.integers(0, 4), "history_left": st.integers(0, 8),
    "trip": st.integers(0, 4),
    "aux_now": FLAG, "muxed": FLAG, "stop_mask": FLAG, "tripped_mask": FLAG, "late": SMALL, "worst_late": SMALL,
}  # fmt: skip
Rows = list[dict[str, int]]
READINGS = st.lists(st.integers(0, 4095), min_size=4, max_size=4)


def played(
    kind: type[Words], tick: Callable[[], None], rows: list[dict[str, int]], readings: list[int], late: int
) -> Any:
    """All words and all register writes after two samples of outputs with these words."""
    outputs = [kind(**(case_rp2.HEALTHY | row)) for row in rows]
    made = World(outputs)
    made.results[:] = readings
    for number, output in enumerate(outputs):
        output.low, output.high, output.gates, output.gate_mask = 0, 4095, 3 << 17, 1 << 18 - number
        output.sense_slot, output.voltage_slot, output.due = 3 - number, 0, 1000
        output.table_at, output.table_shift, output.table_mask = (
            placed([(at * 9973) % 65536 for at in range(257)]),
            24,
            255,
        )
        output.history_at = 63
    for _ in range(2):
        case_rp2.at(made, outputs[0].due + rp2.WAIT_US + late)
        tick()
    addresses = ("other", "following", "table_at", "history", "change_at")
    for output in outputs:
        for name in addresses:
            setattr(output, name, 0)
    return [output.kept for output in outputs], made.log


@settings(derandomize=True, max_examples=400, deadline=None)
@given(
    rows=st.lists(st.fixed_dictionaries({}, optional=RANGES), min_size=1, max_size=2),
    readings=READINGS,
    late=st.integers(0, 120),
)
def test_the_expansion_does_what_the_stages_do(rows: Rows, readings: list[int], late: int) -> None:
    """With numbers cut to 32 bits after every operation on one side, and unlimited on the other: no sum, product or
    difference of the interrupt leaves 32 bits where that would matter.
    """
    assert played(Words32, TICK, rows, readings, late) == played(Words, rp2.tick, rows, readings, late)


BROKEN = {
    "reads nothing, which it was not given": ("    open_now = 0\n", "    open_now = nothing\n"),
    "open_now, which it was not given or does not always set": ("    open_now = 0\n", ""),
    "writes left, whose row names": ("    s.done = done\n", "    s.left = done\n"),
    "writes s.nothing, which is no word of the table": ("    s.done = done\n", "    s.nothing = done\n"),
    "has a FloorDiv": ("    done = s.done - 1\n", "    done = s.done // 1\n"),
    "has a Raise": ("    open_now = 0\n", "    open_now = 0\n    raise ValueError\n"),
    "has a List": ("    open_now = 0\n", "    open_now = 0\n    kept = [1]\n"),
    "returns before its end": ("    open_now = 0\n", "    open_now = 0\n    if s.run:\n        return open_now\n"),
}


@pytest.mark.parametrize("said", BROKEN)
def test_a_stage_that_breaks_a_rule_is_refused(said: str) -> None:
    old, new = BROKEN[said]
    texts = expand.sources()
    head, _found, tail = texts["wave"].partition("def finish(s):")
    with pytest.raises(expand.Refusal, match="stage finish ") as refused:
        expand.expanded(texts | {"wave": head + _found + tail.replace(old, new, 1)})
    assert said in refused.value.args[0]


def test_a_parameter_that_changes_is_returned() -> None:
    texts = expand.sources()
    texts["wave"] = texts["wave"].replace(
        "    height = code - ZERO_CODE\n", "    code = code - ZERO_CODE\n    height = code\n"
    )
    texts["wave"] = texts["wave"].replace(
        "        code += codes\n    return code\n", "        height += codes\n    return height\n"
    )
    with pytest.raises(expand.Refusal, match="stage trim changes code and does not return it"):
        expand.expanded(texts)


def test_a_constant_that_is_no_small_integer_is_refused() -> None:
    texts = expand.sources()
    texts["wave"] = texts["wave"].replace("HALF_CODE = 131072", "HALF_CODE = 0x40000000")
    with pytest.raises(expand.Refusal, match="no small integer"):
        expand.expanded(texts)


def test_the_page_of_words_and_faults_is_up_to_date() -> None:
    assert tables.PAGE.read_text() == tables.page()


def test_no_index_shares_a_place_with_numbers_that_may_be_in_a_register() -> None:
    """viper multiplies an index where it stands: in a register, the local would keep the product."""
    tree = ast.parse(expand.expanded())
    slices = [node.slice for node in ast.walk(tree) if isinstance(node, ast.Subscript)]
    indexes = {part.id for part in slices if isinstance(part, ast.Name)}
    assert len(indexes) >= 2 and not any(name.startswith("x") for name in indexes)
