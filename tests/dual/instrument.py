"""A source file that notes which statements ran and which way conditions went, for an interpreter without a tracer.

The image for the board is built without sys.settrace, so coverage.py's way is closed there. Here the source is changed
instead: a call before every statement, and one around the test of every `if`, `while` and conditional expression.
"""

import ast
from dataclasses import dataclass, field

HITS = "hits"  # name of the module that counts, on the board


@dataclass
class Instrumented:
    """source: to run in place of the file; places: what each number stands for, as "line" or "line -> true"."""

    source: str
    places: list[str] = field(default_factory=list)


def instrumented(source: str) -> Instrumented:
    """The file with its counting calls."""
    tree = ast.parse(source)
    made = Instrumented("")
    _Inserter(made.places).visit(tree)
    at = 1 if ast.get_docstring(tree) is not None else 0
    tree.body.insert(at, ast.ImportFrom(HITS, [ast.alias("hit"), ast.alias("way")], 0))
    made.source = ast.unparse(ast.fix_missing_locations(tree))
    return made


class _Inserter(ast.NodeTransformer):
    def __init__(self, places: list[str]) -> None:
        self._places = places

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                setattr(node, name, self._block(block))
        return super().generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        return self._both_ways(node)

    def visit_While(self, node: ast.While) -> ast.AST:
        return self._both_ways(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        return self._both_ways(node)

    def _block(self, block: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for statement in block:
            if not _is_docstring(statement):
                call = ast.Call(ast.Name("hit"), [ast.Constant(self._place(f"{statement.lineno}"))], [])
                found.append(ast.Expr(call))
            found.append(statement)
        return found

    def _both_ways(self, node: ast.If | ast.While | ast.IfExp) -> ast.AST:
        if isinstance(node.test, ast.Constant):
            return self.generic_visit(node)
        number = self._place(f"{node.lineno} -> true")
        self._place(f"{node.lineno} -> false")
        node.test = ast.Call(ast.Name("way"), [ast.Constant(number), node.test], [])
        return self.generic_visit(node)

    def _place(self, text: str) -> int:
        self._places.append(text)
        return len(self._places) - 1


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
