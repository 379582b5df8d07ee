"""Imports go one way: flows to tasks to quakelens; and heavy libraries are imported where they are used."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "quakelens": {"quakelens"},
    "tasks": {"quakelens", "tasks"},
    "flows": {"quakelens", "tasks", "flows"},
}
ORCHESTRATION = {"prefect", "dvc"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_go_one_way(package: str) -> None:
    assert modules(package)
    for path in modules(package):
        ours = imported(path) & set(MAY_IMPORT)
        assert ours <= MAY_IMPORT[package], f"{path} imports {ours - MAY_IMPORT[package]}"


def test_the_domain_knows_nothing_of_orchestration() -> None:
    for path in modules("quakelens"):
        assert not imported(path) & ORCHESTRATION, path


def test_only_the_registry_imports_mlflow() -> None:
    for path in modules("quakelens"):
        if path.parent.name != "registry":
            assert "mlflow" not in imported(path), path


def test_openvino_tells_nobody_of_its_use(tmp_path: Path) -> None:
    importers = [path for path in modules("quakelens") if "openvino" in imported(path)]
    assert importers == [ROOT / "quakelens" / "model" / "openvino.py"]
    code = "from quakelens.model.openvino import load_openvino; load_openvino()"
    # It is silent by itself where CI is set.
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
    assert not (tmp_path / "intel").exists(), "where it keeps the identifier that it sends"


def test_importing_the_domain_imports_nothing_heavy() -> None:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in modules("quakelens")
        # The one file that MLflow itself runs, and migrations, which Alembic runs.
        if path.name not in ("served_model.py", "env.py", "__main__.py") and "versions" not in path.parts
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(*sorted({'prefect', 'mlflow', 'dvc', 'torch', 'sklearn', 'matplotlib.pyplot'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
