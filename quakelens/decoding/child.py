"""The process that decodes one suspect: the file comes by stdin, what to do as JSON in the first argument.

Prints a line of JSON, and the pixels after it. Dies where the picture is deadly.
"""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from typing import Any

from quakelens import images
from quakelens.errors import ImageError

MEMORY = 4 << 30
"""Bytes of address space; a WebP at the limit of pixels takes 0.8 GB, and nothing takes more."""

CPU_S = 60


def main() -> None:
    """Decode, answer."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # not the picture's doing; it is over in seconds
    _limit()
    try:
        answer, pixels = _do(sys.stdin.buffer.read(), json.loads(sys.argv[1]))
    except ImageError as error:
        answer, pixels = {"reason": error.reason, "message": str(error)}, b""
    except Exception as error:  # noqa: BLE001  # decoders raise anything on hostile bytes
        answer, pixels = {"reason": "unsupported", "message": f"{type(error).__name__}: {error}"}, b""
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + pixels)
    sys.stdout.buffer.flush()


def _do(data: bytes, task: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    if task["do"] == "decode":
        image = images.decode_here(data, max_pixels=task["max_pixels"], at_least=task["at_least"])
        return {"size": image.size}, image.tobytes()
    if task["do"] == "examine":
        facts = images.examine_here(data, max_pixels=task["max_pixels"], formats=tuple(task["formats"]))
        return asdict(facts), b""
    return {"format": images.format_here(data)}, b""


def _limit() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
