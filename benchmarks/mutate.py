"""Faults put into the code one by one, to see which of them no test notices.

`python -m benchmarks.mutate [MODULE ...]`, such as `safety/gate`; without names all of
`TESTS`. Comparisons, numbers, truth values, calls and returns are changed, and each check of a
chain of `or` is left out. Each fault runs in a forked child, with the tests of its module and
nothing else; the sources stay as they are. Prints the faults that survive.
"""

import ast
import copy
import importlib.abc
import importlib.machinery
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]
_LONGEST_S = 120.0
_N_CHILDREN = 2
_STIMULATE = ("safety/test_gate.py", "actors/test_stimulate.py")
TESTS = {
    "safety/gate": _STIMULATE,
    "safety/train": ("safety/test_train.py", *_STIMULATE),
    "safety/train_queue": ("safety/test_train_queue.py", *_STIMULATE),
    "safety/limits": ("safety/test_limits.py",),
    "safety/pulse": ("safety/test_pulse.py", "safety/test_limits.py"),
    "safety/pulse_count": ("safety/test_pulse_count.py", *_STIMULATE),
    "safety/real_time": (
        "safety/test_real_time.py",
        "safety/test_pulse_count.py",
        *_STIMULATE,
    ),
    "safety/too_slow": ("safety/test_too_slow.py",),
    "safety/liveness": ("safety/test_liveness.py", *_STIMULATE),
    "safety/sub_trains": ("safety/test_sub_trains.py", *_STIMULATE),
    "safety/firing/form": ("safety/firing/test_form.py", *_STIMULATE),
    "safety/firing/ledger": ("safety/firing/test_ledger.py", *_STIMULATE),
    "safety/firing/numbers": ("safety/firing/test_numbers.py",),
    "safety/firing/timed_guard": ("safety/firing/test_timed_guard.py", *_STIMULATE),
    "safety/firing/guarded_stimulator": (
        "safety/firing/test_guarded_stimulator.py",
        *_STIMULATE,
    ),
    "actors/stimulate": _STIMULATE,
    "safety/arming": ("safety/test_arming.py", "safety/test_watchdog_link.py"),
    "safety/watchdog_link": (
        "safety/test_watchdog_link.py",
        "safety/test_instrument_lease.py",
        "safety/test_dead_disk.py",
    ),
    "safety/instrument_lease": ("safety/test_instrument_lease.py",),
    "safety/instrument_lock": ("safety/test_instrument_lock.py",),
    "safety/stop_command": ("safety/test_stop_command.py",),
    "safety/pursuit": ("safety/test_pursuit.py",),
    "safety/last_instrument": ("safety/test_last_instrument.py",),
    "safety/firing/outage": ("safety/firing/test_outage.py",),
    "safety/watchdog": ("safety/test_watchdog.py", "safety/test_dead_disk.py"),
    "safety/emergency_stop": (
        "safety/test_emergency_stop.py",
        "safety/test_last_instrument.py",
        "safety/test_dead_disk.py",
    ),
    "safety/protocol/latched_directory": (
        "safety/test_emergency_stop.py",
        "safety/test_dead_disk.py",
        "safety/test_last_instrument.py",
    ),
    "safety/protocol/datagrams": ("safety/protocol/test_datagrams.py",),
    "safety/protocol/orders": ("safety/protocol/test_orders.py",),
    "safety/protocol/announcement": (
        "safety/protocol/test_announcement.py",
        "safety/test_arming.py",
    ),
    "store/codec": ("store/test_codec.py",),
    "field_types": ("test_field_types.py", "store/test_codec.py"),
    "store/redis_fields": ("store/test_redis_fields.py",),
    "store/segments": ("store/test_segments.py",),
    "hw/outage_clock": ("hw/test_outage_clock.py", "actors/test_acquire.py"),
    "hw/openephys/wire": ("hw/openephys/test_wire.py",),
    "hw/meame/wire": ("hw/meame/test_wire.py",),
    "hw/meame/registers": ("hw/meame/test_registers.py",),
    "hw/meame/dsp_stop": ("hw/meame/test_dsp_stop.py",),
    "hw/meame/dsp_setup": ("hw/meame/test_dsp_setup.py",),
    "hw/meame/framing": ("hw/meame/test_recorder.py",),
    "hw/meame/http": ("hw/meame/test_http.py",),
    "hw/rhx/drain": ("hw/rhx/test_drain.py",),
    "hw/rhx/session": ("hw/rhx/test_session.py",),
}
"""Modules, and the tests that must notice a fault in each; quick ones first."""

_OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}


def faults(tree: ast.Module) -> Iterator[tuple[int, str, ast.Module]]:
    """Yield the line, a description and the whole tree of every fault."""
    for index, node in enumerate(ast.walk(tree)):
        for n, (what, _) in enumerate(_changes(node)):
            changed = copy.deepcopy(tree)
            victim = next(each for i, each in enumerate(ast.walk(changed)) if i == index)
            _changes(victim)[n][1]()
            yield getattr(node, "lineno", 0), what, ast.fix_missing_locations(changed)


def _changes(node: ast.AST) -> list[tuple[str, Any]]:
    """Return the changes of one node: a description, and a function that makes it."""
    changes: list[tuple[str, Any]] = []

    def change(what: str, target: Any, name: str, value: Any) -> None:
        changes.append((what, lambda: setattr(target, name, value)))

    match node:
        case ast.Compare(ops=ops):
            for i, op in enumerate(ops):
                if other := _OTHER.get(type(op)):
                    text = f"{type(op).__name__} to {other.__name__}: {ast.unparse(node)}"
                    changes.append((text, lambda i=i, other=other: ops.__setitem__(i, other())))
        case ast.BoolOp(op=op, values=values):
            other_op = ast.Or() if isinstance(op, ast.And) else ast.And()
            change(f"and for or: {ast.unparse(node)}", node, "op", other_op)
            for i, value in enumerate(values):
                text = f"without {ast.unparse(value)}"
                changes.append((text, lambda i=i: _leave_out(node, values, i)))
        case ast.BinOp(op=op) if other := _OTHER.get(type(op)):
            change(
                f"{type(op).__name__} to {other.__name__}: {ast.unparse(node)}", node, "op", other()
            )
        case ast.Constant(value=bool(value)):
            change(f"{value} to {not value}", node, "value", not value)
        case ast.Constant(value=int(value) | float(value)):
            change(f"{value} to {value + 1}", node, "value", value + 1)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            change(f"without not: {ast.unparse(node)}", node, "op", ast.UAdd())
            changes[-1] = (changes[-1][0], lambda: _become(node, operand))
        case ast.Return(value=value) if value and not _is_none(value):
            change(f"return None: {ast.unparse(value)}", node, "value", ast.Constant(None))
        case ast.Expr(value=ast.Call() as call):
            changes.append((f"without {ast.unparse(call)}", lambda: _become_pass(node)))
        case ast.Raise():
            changes.append((f"without {ast.unparse(node)}", lambda: _become_pass(node)))
    return changes


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _leave_out(node: ast.AST, values: list[ast.expr], i: int) -> None:
    """Leave one check out of a chain; a chain of one is no chain."""
    del values[i]
    if len(values) == 1:
        _become(node, values[0])


def _become(node: ast.AST, other: ast.AST) -> None:
    node.__class__ = other.__class__  # type: ignore[assignment]  # in its place in the tree
    node.__dict__ = dict(other.__dict__)


def _become_pass(node: ast.AST) -> None:
    _become(node, ast.Pass(lineno=node.lineno, col_offset=node.col_offset))  # type: ignore[attr-defined]


class _Faulty(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """An importer of one module with a fault in it."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self._name, self._path, self._code = name, path, code

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        if fullname != self._name:
            return None
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=str(self._path))
        spec.has_location = True
        return spec

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)


def _child(module: str, tests: Sequence[str], tree: ast.Module | None) -> None:
    """Run the tests with a fault, or without one; the exit status is pytest's."""
    import pytest

    os.setpgid(0, 0)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    path = ROOT / "crepe" / f"{module}.py"
    if tree is not None:
        name = "crepe." + module.replace("/", ".")
        sys.meta_path.insert(0, _Faulty(name, path, compile(tree, str(path), "exec")))
    options = [
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "--hypothesis-seed=1",
        f"--timeout={_LONGEST_S}",
    ]
    os._exit(int(pytest.main([*options, *(str(ROOT / "tests" / test) for test in tests)])))


class _Children:
    """The forked children, of which a few run at a time."""

    def __init__(self) -> None:
        self._running: dict[int, tuple[str, float]] = {}
        self.survivors: list[str] = []
        self.n_killed = 0

    def start(self, what: str, module: str, tests: Sequence[str], tree: ast.Module | None) -> None:
        while len(self._running) >= _N_CHILDREN:
            self._wait()
        pid = os.fork()
        if pid == 0:
            _child(module, tests, tree)
        self._running[pid] = (what, time.monotonic())

    def finish(self) -> None:
        while self._running:
            self._wait()

    def _wait(self) -> None:
        for pid, (what, began_s) in list(self._running.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if not done and time.monotonic() - began_s > _LONGEST_S:
                os.killpg(pid, signal.SIGKILL)  # a loop without an end is noticed, too
            elif done:
                del self._running[pid]
                self.n_killed += status != 0
                if status == 0:
                    self.survivors.append(what)
        time.sleep(0.01)


def main(arguments: Sequence[str]) -> None:
    """Run the faults of the named modules, and print those that survive."""
    # Imported once for all children: nothing of CREPE, which each imports with its fault, and no
    # plugin of pytest, which rewrites them as it imports them.
    for library in ("h5py", "msgpack", "numpy", "pydantic", "pytest", "urllib3", "uvicorn"):
        importlib.import_module(library)
    total = [0, 0]
    for module in arguments or TESTS:
        print(module, flush=True)
        children = _Children()
        tree = ast.parse((ROOT / "crepe" / f"{module}.py").read_text(encoding="utf-8"))
        children.start("no fault at all", module, TESTS[module], None)
        children.finish()
        if not children.survivors:
            sys.exit(f"{module}: its tests fail without a fault")
        children.survivors.clear()
        for line, what, changed in faults(tree):
            children.start(f"{line}: {what}", module, TESTS[module], changed)
        children.finish()
        n_survivors = len(children.survivors)
        for what in children.survivors:
            print(f"    survives: {what}")
        print(f"    {children.n_killed} faults noticed, {n_survivors} not", flush=True)
        total = [total[0] + children.n_killed, total[1] + n_survivors]
    print(f"{total[0]} faults noticed, {total[1]} not")


if __name__ == "__main__":
    main(sys.argv[1:])
