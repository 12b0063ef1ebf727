"""What MicroPython's ESP32 port offers, read from its published type stubs: names, constants, parameters.

python -m tests.esp32.signatures FOLDER writes it as signatures.py for the fake modules in fake/, which accept nothing
else. The stubs are those that `make check` checks the firmware's types against.
"""

import ast
import sys
from pathlib import Path
from pprint import pformat

STUBS = Path(__file__).resolve().parents[2] / "build" / "stubs" / "esp32"
MODULES = ("machine", "esp32", "network", "bluetooth")
# Where the stubs promise what ports/esp32 of MicroPython 1.26.1 does not take: they follow the documents of all ports.
# machine_adc.c knows atten alone. A parameter named here is refused, as the port refuses it.
NOT_ON_ESP32 = {"machine.ADC.__init__": ("sample_ns",), "machine.ADC.init": ("sample_ns",)}

# (positional names, how many of them must be given, names of keyword-only ones, which of them must be given,
#  whether more positional ones are taken, whether any keyword is taken, how many leading ones have no name)
Signature = tuple[list[str], int, list[str], list[str], bool, bool, int]
Table = dict[str, list[Signature]]
Constants = dict[str, dict[str, int]]


def read_stubs(folder: Path = STUBS) -> tuple[Table, Constants]:
    """({"machine.Pin.value": [signature of each overload]}, {"machine.Pin": {"OUT": 3}}). Raises FileNotFoundError."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there are no stubs of the ESP32 in {folder}; make them: make build/stubs/esp32")
    table: Table = {}
    constants: Constants = {}
    for module in MODULES:
        tree = ast.parse((folder / f"{module}.pyi").read_text())
        _read_body(module, tree.body, table, constants, method=False)
    return table, constants


def _read_body(prefix: str, body: list[ast.stmt], table: Table, constants: Constants, *, method: bool) -> None:
    for node in body:
        if isinstance(node, ast.ClassDef) and not method:
            _read_body(f"{prefix}.{node.name}", node.body, table, constants, method=True)
        elif isinstance(node, ast.FunctionDef):
            name = f"{prefix}.{node.name}"
            table.setdefault(name, []).append(_signature(name, node, method=method))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            value = node.value.value if isinstance(node.value, ast.Constant) else None
            if isinstance(value, int):  # `Incomplete` and `...` stand for what other ports have
                constants.setdefault(prefix, {})[node.target.id] = value


def _signature(name: str, node: ast.FunctionDef, *, method: bool) -> Signature:
    arguments = node.args
    static = any(isinstance(item, ast.Name) and item.id == "staticmethod" for item in node.decorator_list)
    own = 1 if method and not static else 0
    nameless = [item.arg for item in arguments.posonlyargs]
    named = [item.arg for item in arguments.args]
    positional = (nameless + named)[own:]
    left_out = NOT_ON_ESP32.get(name, ())
    only = [item.arg for item in arguments.kwonlyargs if item.arg not in left_out]
    needed = [
        item.arg for item, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None
    ]
    return (
        positional,
        len(positional) - len(arguments.defaults),
        only,
        [item for item in needed if item not in left_out],
        arguments.vararg is not None,
        arguments.kwarg is not None,
        max(0, len(nameless) - own),
    )


def write_signatures(target: Path) -> None:
    """Write the module that fake/strict.py imports."""
    table, constants = read_stubs()
    text = '"""Generated from the ESP32 port\'s type stubs by tests/esp32/signatures.py."""\n\n'
    text += f"SIGNATURES = {pformat(table, width=110)}\nCONSTANTS = {pformat(constants, width=110)}\n"
    target.write_text(text)


if __name__ == "__main__":
    write_signatures(Path(sys.argv[1]) / "signatures.py")
