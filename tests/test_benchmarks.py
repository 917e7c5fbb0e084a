"""What the benchmarks import from this repository exists; most of them run on request only."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


@cache
def names_of(module: str) -> frozenset[str]:
    """The names that a module defines or imports, and the modules of a package."""
    path = ROOT / module.replace(".", "/")
    names = {child.stem for child in path.glob("*")} if path.is_dir() else set()
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name)
    return frozenset(names)


def test_every_name_that_a_benchmark_imports_exists() -> None:
    missing = []
    for path in sorted((ROOT / "benchmarks").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            if node.module.partition(".")[0] not in ("benchmarks", "crepe"):
                continue
            defined = names_of(node.module)
            missing += [
                f"{path.relative_to(ROOT)}: {node.module} has no {alias.name}"
                for alias in node.names
                if alias.name not in defined
            ]
    assert missing == []
