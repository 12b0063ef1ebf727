"""The circuit's data is whole, the drawing shows it, and parts lists and netlists are written from it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from boards.output_stage import circuit
from boards.rp2040_pico import board
from microcurrent.output_stage import bom, connections, devices, drawing, netlist, page, results, self_test
from microcurrent.output_stage.devices import MAKERS
from microcurrent.output_stage.parts import FAULTS, Part, all_faults, parts_of
from microcurrent.output_stage.sheets import SHEETS, Sheet

VARIANTS = tuple(circuit.VARIANTS)
PARTS = parts_of("iso12")
OPEN_ENDED = {"vdac", "estop"}  # nets that go to another board at their only pin here


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_part_has_a_model_faults_and_an_order_number(variant: str) -> None:
    for part in parts_of(variant).values():
        assert part.kind in MAKERS and FAULTS[part.kind] and part.mpn and part.alt and part.does, part.ref


def test_no_net_ends_at_one_pin() -> None:
    pins = [net for part in PARTS.values() for net in part.pins.values()] + list(circuit.PINS.values())
    assert {net for net in pins if pins.count(net) == 1} == OPEN_ENDED


def test_values_are_those_of_the_board() -> None:
    ohm = {ref: part.number for ref, part in PARTS.items() if part.kind == "resistor"}
    assert ohm["R7"] + ohm["R10"] == board.SERIES_OHM and ohm["R9"] == board.DUMMY_OHM
    assert ohm["R14"] / ohm["R13"] == pytest.approx(board.SENSE_UV_PER_UA / 1000, rel=0.003)
    assert ohm["R15"] / ohm["R16"] == pytest.approx(board.VOLTAGE_DIVIDER, rel=0.01)
    assert 1 + ohm["R24"] / ohm["R25"] == pytest.approx(board.SUPPLY_DIVIDER, rel=0.01)
    siemens = (ohm["R2"] + ohm["R6"]) / ohm["R1"] / ohm["R5"]
    assert 1 / siemens == pytest.approx(1650, rel=0.002)
    span = ohm["R31"] / (ohm["R30"] + ohm["R31"] + ohm["R32"]) * 3.3 / 2
    assert span * 1e6 / board.SENSE_UV_PER_UA == pytest.approx(board.COMPARATOR_UA, rel=0.005)


def test_only_constants_of_the_board_are_replaced() -> None:
    for data in circuit.VARIANTS.values():
        assert all(isinstance(getattr(board, name), int) for name in data["board"])


def test_the_drawing_is_the_circuit() -> None:
    connections.check(PARTS)
    drawn = [ref for sheet in SHEETS for ref in sheet.places]
    assert sorted(drawn) == sorted(PARTS)


def _without(sheet: Sheet, **changes: object) -> tuple[Sheet, ...]:
    return tuple(replace(one, **changes) if one is sheet else one for one in SHEETS)


def test_a_part_that_is_not_drawn_is_noticed() -> None:
    sheet = SHEETS[0]
    places = {ref: place for ref, place in sheet.places.items() if ref != "R20"}
    with pytest.raises(connections.DrawingError, match="not drawn exactly once: R20"):
        connections.check(PARTS, _without(sheet, places=places))


def test_a_wire_between_two_nets_is_noticed() -> None:
    sheet = SHEETS[0]
    with pytest.raises(connections.DrawingError, match=r"joins the nets inm, inp"):
        connections.check(PARTS, _without(sheet, wires=(*sheet.wires, ((13, 6), (13, 4)))))


def test_a_wire_that_ends_nowhere_is_noticed() -> None:
    sheet = SHEETS[0]
    with pytest.raises(connections.DrawingError, match="end nowhere"):
        connections.check(PARTS, _without(sheet, wires=(*sheet.wires, ((13, 6), (13, 5.3)))))


def test_a_pin_moved_to_another_net_is_noticed() -> None:
    moved: dict[str, Part] = {**PARTS, "R5": replace(PARTS["R5"], pins={"1": "out", "2": "g"})}
    with pytest.raises(connections.DrawingError, match="joins the nets f, g"):
        connections.check(moved)


def test_pictures_show_every_reference_and_value() -> None:
    for sheet in SHEETS:
        name = re.sub(r"[^a-z0-9]+", "-", sheet.title.lower()).strip("-")
        text = (results.FOLDER / f"sheet-{name}.svg").read_text()
        words = " ".join(re.findall(r">([^<>]+)<", text)).split() + re.findall(r"<!-- (.*?) -->", text)
        shown = " ".join(words)
        for ref in sheet.places:
            assert re.search(rf"\b{ref}\b", shown), (sheet.title, ref)
            assert drawing.value_text(PARTS[ref]) in shown, (sheet.title, ref)


def test_drawings_show_the_present_texts_and_come_out_the_same_twice(tmp_path: Path) -> None:
    """Not compared to the byte with those kept: coordinates depend on fonts and on matplotlib's version."""
    first = {file.name: file.read_bytes() for file in drawing.draw(tmp_path, PARTS)}
    assert {file.name: file.read_bytes() for file in drawing.draw(tmp_path, PARTS)} == first
    for name in (name for name in first if name.endswith(".svg")):
        kept, drawn = ((folder / name).read_text() for folder in (results.FOLDER, tmp_path))
        assert re.findall(r"<!-- (.*?) -->", kept) == re.findall(r"<!-- (.*?) -->", drawn) != [], name


@pytest.mark.parametrize("variant", VARIANTS)
def test_parts_list_has_every_part(variant: str) -> None:
    listed = [ref for row in bom.rows(variant) for ref in row["references"].split()]
    packages = {part.package for part in parts_of(variant).values()}
    assert sorted(listed) == sorted(packages | {row[0] for row in circuit.VARIANTS[variant]["supply"]})


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_part_and_fault_is_in_the_netlist(variant: str) -> None:
    driven = netlist.Case(variant, dummy="1", trip="1")  # so that a pin stuck low differs
    sound = netlist.netlist(driven, ())
    for ref, part in parts_of(variant).items():
        assert part.kind == "electrodes" or re.search(rf"^[A-Z]{ref}", sound, re.MULTILINE), ref
    for fault in all_faults(parts_of(variant)):
        assert netlist.netlist(replace(driven, faults=(fault,)), ()) != sound, fault


def test_the_page_and_its_files_are_up_to_date() -> None:
    assert results.stale() == [], "calculate them anew with: make spice"
    text = page.README.read_text()
    assert text == page.rendered(text), "write it anew with: python -m microcurrent.output_stage page"
    for variant in VARIANTS:
        assert (results.FOLDER / f"bom-{variant}.csv").read_text() == bom.as_csv(variant)
        assert (results.FOLDER / f"stage-{variant}.cir").read_text() == page.example(variant)


def test_results_of_another_circuit_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(circuit.PARTS["R5"], "value", 330)
    assert "faults" in results.stale()


def test_results_of_other_models_or_another_self_test_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(devices.AMPLIFIERS, "OPA192", (9e6, 20e6, 0.06, 60.0))
        assert set(results.stale()) == set(results.load())
    with monkeypatch.context() as patch:
        patch.setitem(self_test.STEPS, "half above", (1, 1, 1, 600))
        assert results.stale() == ["other_variants", "second_faults", "self_tests"]
    monkeypatch.setattr(devices, "SHORT", 1.0)
    assert "faults" in results.stale()


def test_pictures_are_small() -> None:
    pictures = [*results.FOLDER.glob("*.png"), *results.FOLDER.glob("*.svg")]
    assert len(pictures) >= 15 and all(picture.stat().st_size < 150_000 for picture in pictures)


def test_what_hidden_faults_take_away_is_said_of_hidden_faults_only() -> None:
    hidden = {" ".join(row["fault"]) for row in results.figures("self_tests") if not row["found"]}
    assert set(page.TAKEN_AWAY) <= hidden
