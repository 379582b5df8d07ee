"""The systemd units are well formed, and the environment files name settings that there are."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from quakelens.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
OTHERS = ("PREFECT_", "MLFLOW_", "AWS_")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
@pytest.mark.parametrize(
    ("unit", "name"),
    [("quakelens.service", "quakelens.service"), *(
        ("quakelens@.service", f"quakelens@{part}.service") for part in ("server", "mlflow", "worker")
    )],
)  # fmt: skip
def test_systemd_takes_the_units(unit: str, name: str, tmp_path: Path) -> None:
    # Where this is tested it is not installed under /opt.
    text = (DEPLOY / unit).read_text(encoding="utf-8").replace("/opt/quakelens/.venv/bin/quakelens", "/bin/true")
    (tmp_path / name).write_text(text, encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["station.env", "part.env"])
def test_every_variable_of_the_templates_is_a_setting(name: str) -> None:
    found = re.findall(r"^#?([A-Z_]+)=", (DEPLOY / name).read_text(encoding="utf-8"), re.M)
    assert "QUAKELENS_WORKSPACE" in found
    for variable in found:
        if not variable.startswith(OTHERS):
            assert variable.removeprefix("QUAKELENS_").lower() in Settings.model_fields
