"""What the machine is, which libraries are there, and how much of it others use while something is measured."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from quakelens.cores import usable_cores

LIBRARIES = (
    "quakelens", "numpy", "pillow", "openvino", "torch", "torchvision", "timm", "grad-cam", "transformers",
    "onnx", "onnxruntime",
)  # fmt: skip
INSTRUCTIONS = (
    "avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16",
    "asimd", "bf16", "i8mm", "sve",
)  # fmt: skip
"""Those that decide how fast a network runs."""


def machine() -> dict[str, Any]:
    """Processor, cores, instruction sets, memory in GiB, system and Python."""
    told = _cpuinfo()
    flags = set((told.get("flags") or told.get("Features") or "").split())
    return {
        "processor": told.get("model name") or platform.processor() or platform.machine(),
        "cores": usable_cores(),
        "instructions": [name for name in INSTRUCTIONS if name in flags],
        "lacks": [name for name in ("avx512_bf16", "amx_bf16") if name not in flags],
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
        "threads_set": {name: os.environ[name] for name in sorted(os.environ) if name.startswith(("OMP_", "MKL_"))},
    }


def versions() -> dict[str, str]:
    """Of the libraries that are installed, those asked for by name above."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def describe(told: dict[str, Any], libraries: dict[str, str]) -> str:
    """Two lines for people."""
    lacks = f"; it lacks {', '.join(told['lacks'])}" if told["lacks"] else ""
    threads = "".join(f", {name}={value}" for name, value in told["threads_set"].items())
    return (
        f"{told['processor']}, {told['cores']} cores, {told['memory_gib']} GiB, {told['system']}{threads}; load "
        f"{told['load']} at the start\ninstruction sets: {', '.join(told['instructions']) or 'unknown'}{lacks}\n"
        f"Python {told['python']}, {', '.join(f'{name} {version}' for name, version in libraries.items())}"
    )


@dataclass(frozen=True, slots=True)
class Ticks:
    """Clock ticks that all cores worked since the machine started, and those of one session's processes."""

    all: int
    own: int

    @classmethod
    def now(cls, session: int) -> Ticks | None:
        """Count; None where the system does not tell."""
        try:
            whole = [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        except (OSError, ValueError, IndexError):
            return None
        own = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended
            if int(fields[3]) == session:
                own += int(fields[11]) + int(fields[12])
        # Everything but idle and waiting for disks.
        return cls(sum(whole) - whole[3] - whole[4], own)


def used_by_others(before: Ticks | None, after: Ticks | None, seconds: float) -> float:
    """The share of the cores that other processes took, 0 to 1; 0 where the system does not tell."""
    if before is None or after is None or seconds <= 0:
        return 0.0
    ticks = (after.all - before.all) - (after.own - before.own)
    return round(max(0.0, ticks / os.sysconf("SC_CLK_TCK") / seconds / (os.cpu_count() or 1)), 3)


def _cpuinfo() -> dict[str, str]:
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
