"""Runs the dual cases against mutants: a process each, forked from one that has imported nothing of the firmware."""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import multiprocessing
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from types import ModuleType

from tests.mutation.mutants import ROOT, Mutant

PACKAGES = ("tests.dual.cases", "tests.interrupt.cases")  # of cases: plain functions
CPU_LEAST_S, CPU_TIMES = (
    2,
    10,
)  # a mutant that loops for ever is ended by the kernel after ten times what all cases take
MEMORY_BYTES = 4 << 30  # a shift or a power by a large number must fail, not fill the machine
SURVIVED, KILLED = 0, 1
FORK = multiprocessing.get_context("fork")

Case = tuple[str, str]  # module, function


class NotGreen(Exception):
    """The cases do not pass on the source as it stands: nothing can be said about mutants. args[0] says which."""


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the mutant's text in place of the file's."""

    def __init__(self, mutant: Mutant) -> None:
        self._name = _module_of(mutant.file)
        self._code = mutant.code

    def find_spec(self, fullname: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # "is" with a literal is what some mutants are
            exec(compile(self._code, self._name, "exec"), module.__dict__)


def cases_for(file: str, first: str) -> tuple[list[Case], float]:
    """The cases that import `file`, and the seconds that all take: those of a module named `first` before the others,
    the quickest of each before the slow.

    Raises NotGreen when one of them fails without any mutant.
    """
    reader, writer = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_try_cases, args=(file, first, writer))
    process.start()
    writer.close()
    try:
        found = reader.recv()
    except EOFError:
        raise NotGreen("the cases ended without a word") from None
    finally:
        process.join()
    if isinstance(found, str):
        raise NotGreen(found)
    return found


def survivors(mutants: Iterable[Mutant], cases: Sequence[Case], seconds: float) -> Iterator[Mutant]:
    """Those of the mutants that every case lets pass, in the order in which they are known. seconds: of all cases."""
    cpu_s = CPU_LEAST_S + round(CPU_TIMES * seconds)
    running: dict[int, tuple[ForkProcess, Mutant]] = {}
    for mutant in mutants:
        process = FORK.Process(target=_attack, args=(mutant, cases, cpu_s))
        process.start()
        running[process.sentinel] = process, mutant
        if len(running) >= (os.cpu_count() or 1):
            yield from _ended(running)
    while running:
        yield from _ended(running)


def _ended(running: dict[int, tuple[ForkProcess, Mutant]]) -> Iterator[Mutant]:
    for sentinel in wait(list(running)):
        assert isinstance(sentinel, int)
        process, mutant = running.pop(sentinel)
        process.join()
        if process.exitcode == SURVIVED:
            yield mutant


def _attack(mutant: Mutant, cases: Sequence[Case], cpu_s: int) -> None:
    """In a process of its own: exits with KILLED or SURVIVED, or dies of a limit, which kills the mutant too."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    _forget_imports()
    sys.meta_path.insert(0, _Mutated(mutant))
    try:
        for case in cases:
            _function(case)()
    except BaseException:  # whatever a mutant makes the cases raise kills it
        os._exit(KILLED)
    os._exit(SURVIVED)


def _try_cases(file: str, first: str, writer: Connection) -> None:
    """In a process of its own: sends the list of cases_for(), or a sentence about the case that fails."""
    found: list[tuple[bool, float, Case]] = []
    for module in _modules():
        _forget_imports()
        names = [name for name in vars(importlib.import_module(module)) if name.startswith("test_")]
        if _module_of(file) not in sys.modules:
            continue
        for case in [(module, name) for name in names]:
            began = time.perf_counter()
            try:
                _function(case)()
            except Exception as error:
                writer.send(f"{'.'.join(case)} fails without any mutant: {error!r}")
                return
            found.append((not module.endswith(f".{first}"), time.perf_counter() - began, case))
    writer.send(([case for _later, _seconds, case in sorted(found)], sum(seconds for _later, seconds, _case in found)))


def _modules() -> list[str]:
    folders = [(package, ROOT / package.replace(".", "/")) for package in PACKAGES]
    return [f"{package}.{path.stem}" for package, folder in folders for path in sorted(folder.glob("case_*.py"))]


def _function(case: Case) -> Callable[[], None]:
    return getattr(importlib.import_module(case[0]), case[1])


def _module_of(file: str) -> str:
    return file.removesuffix(".py").replace("/", ".")


def _forget_imports() -> None:
    for name in [
        name for name in sys.modules if name.startswith(("firmware", "boards", "tests.dual", "tests.interrupt"))
    ]:
        del sys.modules[name]
