"""Makes what a board gets of the sample interrupt: every stage inlined into one viper function per interrupt.

A stage is an ordinary function of firmware/hw/interrupt/: its parameters are what it may read, its `return` at the end
is what it leaves. This expander refuses a stage that reads a name it was not given, returns one that some path leaves
unset, changes a parameter that it does not return, or writes a word without standing in that word's row (word.py). It
knows few kinds of statements, none of which can raise or allocate.

Locals of different stages share places, because viper keeps the first two locals in registers and every other one on
the stack: the words' address and the place used most come first.
"""

import ast
import copy
import importlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PACKAGE = "firmware.hw.interrupt"
FRAME = "rp2"
MODULES = ("supervision", "accounts", "wave", FRAME)
WORDS = ("s", "other")  # names of what points to the words of an output
POINTERS = ("ptr8", "ptr16", "ptr32")
DIFFERENCE = "clock_difference"  # of rp2.py: a plain subtraction on the board, whose registers wrap as the counter does
ALLOWED = (
    ast.Assign, ast.AugAssign, ast.If, ast.While, ast.For, ast.Break, ast.Pass, ast.Expr, ast.Name, ast.Attribute,
    ast.Subscript, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.Tuple, ast.Return, ast.operator,
    ast.unaryop, ast.cmpop, ast.expr_context,
)  # fmt: skip
REFUSED = (ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult, ast.Is, ast.IsNot, ast.In, ast.NotIn, ast.Not)
SMALL_INT_MAX = 0x3FFFFFFF
_TABLE_IMPORT = "from .interrupt import word"
_STAGES_IMPORT = ("from .interrupt.rp2 import", "from .interrupt import")


class Refusal(Exception):
    """A stage breaks a rule. args[0] says which stage, what, and where."""


def sources(root: Path | None = None) -> dict[str, str]:
    """{module: source text} of the stages."""
    folder = root or Path(importlib.import_module(PACKAGE).__path__[0])
    return {name: (folder / f"{name}.py").read_text() for name in MODULES}


def expanded(texts: dict[str, str] | None = None) -> str:
    """The frame module as the board gets it. texts: other sources than those of the package. Raises Refusal."""
    stages = _stages(texts or sources())
    called = {name for stage in stages.values() for name in stage.calls(stages)}
    entries = [stage for stage in stages.values() if stage.module == FRAME and stage.name not in called]
    lines = ["# Built from firmware/hw/interrupt: never edited.", "import micropython"]
    for entry in entries:
        lines += ["", "", "@micropython.viper", ast.unparse(_Expansion(stages).function(entry))]
    return "\n".join(lines) + "\n"


def with_numbers(source: str) -> str:
    """A module of the main loop as the board gets it: `word.NAME` is a number, and the stages are one module."""
    if _TABLE_IMPORT not in source.splitlines():
        return source.replace(*_STAGES_IMPORT)
    word = importlib.import_module(f"{PACKAGE}.word")
    lines = source.splitlines()
    attributes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)]
    found = [node for node in attributes if _name(node.value) == "word"]
    for node in sorted(found, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        line = lines[node.lineno - 1]
        lines[node.lineno - 1] = line[: node.col_offset] + repr(getattr(word, node.attr)) + line[node.end_col_offset :]
    kept = (line for line in lines if line != _TABLE_IMPORT)
    return "\n".join(kept).replace(*_STAGES_IMPORT) + "\n"


@dataclass
class Stage:
    """A function of the stages. names: the globals of its module."""

    name: str
    module: str
    node: ast.FunctionDef
    names: dict[str, object] = field(repr=False)

    @property
    def parameters(self) -> list[str]:
        """Its parameters' names."""
        return [argument.arg for argument in self.node.args.args]

    @property
    def body(self) -> list[ast.stmt]:
        """Its statements without docstring and `return`."""
        body = self.node.body[1:] if ast.get_docstring(self.node) else self.node.body
        return body[:-1] if body and isinstance(body[-1], ast.Return) else body

    @property
    def returned(self) -> list[str]:
        """The names that it leaves."""
        last = self.node.body[-1]
        if not isinstance(last, ast.Return) or last.value is None:
            return []
        values = last.value.elts if isinstance(last.value, ast.Tuple) else [last.value]
        return [self.name_of(value) for value in values]

    def name_of(self, node: ast.expr) -> str:
        """The name that an expression is. Raises Refusal for anything else."""
        if not isinstance(node, ast.Name):
            raise self.refusal("passes or returns something else than a name", node)
        return node.id

    def calls(self, stages: dict[str, "Stage"]) -> set[str]:
        """The stages that it calls."""
        found = [_name(node.func) for node in ast.walk(self.node) if isinstance(node, ast.Call)]
        return set(found) & set(stages)

    def refusal(self, what: str, node: ast.AST) -> Refusal:
        """The exception for a rule that this stage breaks."""
        return Refusal(f"stage {self.name} {what} ({self.module}.py, line {getattr(node, 'lineno', 0)})")


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _stages(texts: dict[str, str]) -> dict[str, Stage]:
    found: dict[str, Stage] = {}
    for module, text in texts.items():
        names: dict[str, object] = {"__name__": f"{PACKAGE}.{module}", "__package__": PACKAGE}
        exec(compile(text, f"<stages of {module}>", "exec"), names)
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and node.name != DIFFERENCE:
                found[node.name] = Stage(node.name, module, node, names)
    for stage in found.values():
        _check(stage, found)
    return found


def _check(stage: Stage, stages: dict[str, Stage]) -> None:
    """Refuse what this expander does not know, undeclared names, and words that the stage may not write."""
    for node in [part for statement in stage.body for part in ast.walk(statement)]:
        if not isinstance(node, ALLOWED) or isinstance(node, REFUSED):
            raise stage.refusal(f"has a {type(node).__name__}, which the interrupt must not have", node)
        if isinstance(node, ast.Return):
            raise stage.refusal("returns before its end", node)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            _check_writer(stage, node)
    unset = _Paths(stage, stages).unset()
    if unset:
        raise stage.refusal(
            f"reads {', '.join(sorted(unset))}, which it was not given or does not always set", stage.node
        )
    changed = {
        node.id for node in ast.walk(stage.node) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    kept = set(stage.parameters) - set(stage.returned) - {"s"}
    if changed & kept:
        raise stage.refusal(f"changes {', '.join(sorted(changed & kept))} and does not return it", stage.node)


def _check_writer(stage: Stage, node: ast.Attribute) -> None:
    word = importlib.import_module(f"{PACKAGE}.word")
    number = getattr(word, node.attr.upper(), None)
    if _name(node.value) not in WORDS or not isinstance(number, int):
        raise stage.refusal(f"writes {ast.unparse(node)}, which is no word of the table", node)
    if stage.name not in word.TABLE[number][1]:
        raise stage.refusal(f"writes {node.attr}, whose row names {' '.join(word.TABLE[number][1])} alone", node)


class _Paths:
    """Which names a stage reads on some path on which nothing has set them."""

    def __init__(self, stage: Stage, stages: dict[str, Stage]) -> None:
        self._stage = stage
        self._known = set(stage.names) | set(stages) | set(POINTERS) | {"range"}
        self._unset: set[str] = set()

    def unset(self) -> set[str]:
        """The names, those of `return` included."""
        have = self._walk(self._stage.body, set(self._stage.parameters))
        return self._unset | set(self._stage.returned) - have

    def _walk(self, body: Iterable[ast.stmt], have: set[str]) -> set[str]:
        have = set(have)
        for statement in body:
            if isinstance(statement, ast.If):
                self._read(statement.test, have)
                have |= self._walk(statement.body, have) & self._walk(statement.orelse, have)
            elif isinstance(statement, ast.While):
                self._read(statement.test, have)
                self._walk(statement.body, have)
            elif isinstance(statement, ast.For):
                self._read(statement.iter, have)
                self._walk(statement.body, have | _stored(statement.target))
            else:
                self._read(statement, have)
                have |= _stored(statement)
        return have

    def _read(self, node: ast.AST, have: set[str]) -> None:
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
        if isinstance(node, ast.AugAssign):
            names |= _stored(node.target)
        self._unset |= names - have - self._known


def _stored(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


class _Expansion:
    """One interrupt's function in the making."""

    def __init__(self, stages: dict[str, Stage]) -> None:
        self._stages = stages
        self._busy: set[str] = set()  # places in use by the stages around the one that is being inlined

    def function(self, entry: Stage) -> ast.FunctionDef:
        """The expanded function."""
        given = {name: name for name in entry.parameters}
        body = self._inlined(entry, given)
        made = ast.FunctionDef(entry.name, entry.node.args, _registers_first(body), [])
        return ast.fix_missing_locations(made)

    def _inlined(self, stage: Stage, places: dict[str, str]) -> list[ast.stmt]:
        """The stage's statements with its names replaced. places: of its parameters and of what it returns."""
        before = set(self._busy)
        self._busy |= set(places.values())
        for name, kind in _locals_of(stage).items():
            if name not in places:
                places[name] = "s" if name == "s" else self._free_place(kind)
        body = self._block(stage, stage.body, places)
        self._busy = before
        return body

    def _free_place(self, kind: str) -> str:
        number = 0
        while f"{kind}{number}" in self._busy:
            number += 1
        self._busy.add(f"{kind}{number}")
        return f"{kind}{number}"

    def _block(self, stage: Stage, body: Iterable[ast.stmt], places: dict[str, str]) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for statement in body:
            call = self._stage_call(statement)
            if call is not None:
                made += self._call(stage, statement, call, places)
            elif isinstance(statement, (ast.If, ast.While)):
                test = self._written(stage, statement.test, places)
                body = self._block(stage, statement.body, places)
                otherwise = self._block(stage, statement.orelse, places) if statement.orelse else []
                made.append(_branch(test, body, otherwise) if isinstance(statement, ast.If) else _loop(test, body))
            elif isinstance(statement, ast.For):
                head = self._written(stage, statement, places)
                head.body = self._block(stage, statement.body, places)
                made.append(head)
            else:
                made.append(self._written(stage, statement, places))
        return made or [ast.Pass()]

    def _stage_call(self, statement: ast.stmt) -> ast.Call | None:
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Call) and _name(value.func) in self._stages:
            return value
        return None

    def _call(self, stage: Stage, statement: ast.stmt, call: ast.Call, places: dict[str, str]) -> list[ast.stmt]:
        called = self._stages[_name(call.func)]
        given = [places[stage.name_of(argument)] for argument in call.args]
        targets: list[str] = []
        if isinstance(statement, ast.Assign):
            target = statement.targets[0]
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            targets = [places[stage.name_of(part)] for part in parts]
        if len(given) != len(called.parameters) or len(targets) != len(called.returned):
            raise stage.refusal(f"calls {called.name} with other arguments or results than it has", statement)
        inner = dict(zip(called.parameters, given, strict=True))
        for name, target in zip(called.returned, targets, strict=True):
            if inner.setdefault(name, target) != target:
                raise stage.refusal(f"takes {name} from {called.name} under another name", statement)
        return self._inlined(called, inner)

    def _written(self, stage: Stage, node: ast.AST, places: dict[str, str]) -> Any:
        return _Writer(stage, places).visit(copy.deepcopy(node))


def _branch(test: ast.expr, body: list[ast.stmt], otherwise: list[ast.stmt]) -> ast.If:
    """An `if` whose equality is a difference: where there is none, the other branch is taken."""
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.Eq, ast.NotEq)):
        if isinstance(test.ops[0], ast.Eq):
            body, otherwise = otherwise or [ast.Pass()], body
        return ast.If(_difference(test.left, test.comparators[0]), body, otherwise)
    return ast.If(_sign(test), body, otherwise)


def _loop(test: ast.expr, body: list[ast.stmt]) -> ast.While:
    return ast.While(_sign(test), body, [])


def _sign(test: ast.expr) -> ast.expr:
    """The same decision by the top bit of a difference. viper makes 0 or 1 of a comparison before it tests that, which
    takes ten cycles instead of five. Differences of products may exceed 32 bits, so these stay comparisons.
    """
    if not isinstance(test, ast.Compare) or any(isinstance(part, ast.Mult) for part in ast.walk(test)):
        return test
    left, kind, right = test.left, test.ops[0], test.comparators[0]
    if isinstance(kind, ast.Gt):
        negative = _difference(right, left)
    elif isinstance(kind, ast.Lt):
        negative = _difference(left, right)
    elif isinstance(kind, ast.GtE):
        negative = _difference(_difference(right, ast.Constant(1)), left)
    else:
        negative = _difference(left, ast.BinOp(right, ast.Add(), ast.Constant(1)))
    return ast.BinOp(negative, ast.RShift(), ast.Constant(31))


def _difference(left: ast.expr, right: ast.expr) -> ast.expr:
    if isinstance(right, ast.Constant) and right.value == 0:
        return left
    if isinstance(left, ast.Constant) and isinstance(right, ast.Constant):
        return ast.Constant(ast.literal_eval(left) - ast.literal_eval(right))
    return ast.BinOp(left, ast.Sub(), right)


class _Writer(ast.NodeTransformer):
    """Writes names as places, words and constants as numbers."""

    def __init__(self, stage: Stage, places: dict[str, str]) -> None:
        self._stage = stage
        self._places = places

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self._places:
            return ast.Name(self._places[node.id], node.ctx)
        value = self._stage.names.get(node.id)
        return _number(value) if isinstance(value, int) else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        assert isinstance(node.value, ast.Name)
        if node.value.id in WORDS:
            word = importlib.import_module(f"{PACKAGE}.word")
            base = self.visit_Name(ast.Name(node.value.id, ast.Load()))
            assert isinstance(base, ast.expr)
            return ast.Subscript(base, ast.Constant(getattr(word, node.attr.upper())), node.ctx)
        return _number(getattr(self._stage.names[node.value.id], node.attr))

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """`word += n` loads the word's address twice, 34 cycles; `word = word + n` takes ten."""
        if isinstance(node.target, ast.Name):
            return self.generic_visit(node)
        value = ast.BinOp(ast.parse(ast.unparse(node.target), mode="eval").body, node.op, node.value)
        return self.visit(ast.Assign([node.target], value))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == DIFFERENCE:
            return ast.BinOp(node.args[0], ast.Sub(), node.args[1])
        return node


def _number(value: object) -> ast.expr:
    """A constant with the sign that its 32 bits have; MicroPython makes an object of what is no small integer."""
    assert isinstance(value, int)
    signed = value - (1 << 32) if value >> 31 == 1 else value
    if not -SMALL_INT_MAX - 1 <= signed <= SMALL_INT_MAX:
        raise Refusal(f"the constant {value:#x} is no small integer of MicroPython; its place is a word")
    return ast.Constant(signed)


def _locals_of(stage: Stage) -> dict[str, str]:
    """{local: "x" for an integer, "i" for an index, "p8_", "p16_" or "p32_" for a pointer}, the most used first: it
    shares its place with those of other stages, so that place is used most of all.

    An index has places of its own, never in a register: to reach a[i], viper for Thumb multiplies i by the size of an
    element where it stands, and a local in a register keeps the product (py/asmthumb.h, ASM_STORE32_REG_REG_REG).
    """
    found: dict[str, str] = {}
    used: Counter[str] = Counter()
    for node in [part for statement in stage.body for part in ast.walk(statement)]:
        if isinstance(node, ast.Name):
            used[node.id] += 1
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.setdefault(node.id, "x")
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            kind = _name(node.value.func)
            if kind in POINTERS and isinstance(node.targets[0], ast.Name):
                found[node.targets[0].id] = f"p{kind.removeprefix('ptr')}_"
    for node in [part for statement in stage.body for part in ast.walk(statement)]:
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name) and node.slice.id in found:
            found[node.slice.id] = "i"
    return dict(sorted(found.items(), key=lambda local: -used[local[0]]))


def _registers_first(body: list[ast.stmt]) -> list[ast.stmt]:
    """viper numbers locals as they come and has registers for two: behind `s = ...` comes the place used most."""
    used = Counter(node.id for part in body for node in ast.walk(part) if isinstance(node, ast.Name))
    most = [name for name, _count in used.most_common() if name.startswith("x")][:1]
    first = [ast.Assign([ast.Name(name, ast.Store())], ast.Constant(0)) for name in most]
    return [body[0], *first, *body[1:]]


if __name__ == "__main__":
    print(expanded(), end="")
