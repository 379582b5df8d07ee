"""A harvest over HTTP that is killed at random moments; `scripts/check_kills.py` alone does it a hundred times."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_harvest_that_is_killed_at_random_moments_ends_as_an_undisturbed_one() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "check_kills.py"), "--kills", "4", "--posts", "250"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=200)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["failures"] == []
    assert done.returncode == 0
    assert found["kills"] == 4
    assert found["searches_repeated"] == found["of_them_on_their_way_at_a_kill"]
    assert found["rows"]["posts"] == len(range(-12, 250)) - 3
