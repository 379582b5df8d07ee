"""What a purge came to, as `quakelens purge --json` prints it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from quakelens.purge.recheck import Rechecked
from quakelens.purge.remove import Completed


@dataclass(frozen=True, slots=True)
class PurgeSummary:
    """What was asked, and what went.

    Attributes:
        networks: What each network said.
        files: What went from the files.
        strays: Files that nothing in the store names any more, such as a killed harvest leaves.
    """

    networks: tuple[Rechecked, ...]
    files: Completed
    strays: int = 0

    @property
    def stopped(self) -> str:
        """Why networks failed or refused, in a sentence; empty if none did."""
        return "; ".join(str(each.stopped_because) for each in self.networks if each.failed)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "networks": [asdict(each) for each in self.networks],
            "removed_posts": sum(each.removed for each in self.networks),
            "cost_usd": round(sum(each.usd for each in self.networks), 4),
            **asdict(self.files),
            "strays": self.strays,
        }


def lines(summary: PurgeSummary) -> Sequence[str]:
    """For people."""
    told = [
        f"{each.source}: {each.due} posts due, {each.there} are there, {each.removed} removed, {each.unknown} unknown, "
        f"{each.usd:.2f} US dollars" + (f"; stopped: {each.stopped_because}" if each.stopped_because else "")
        for each in summary.networks
    ]
    files = summary.files
    told.append(
        f"changed or removed: {files.pages} archived pages, {files.files + summary.strays} pictures and heat maps, "
        f"{files.reports} reports, {files.labelled} labelled pictures, {files.derived} derived files, "
        f"{files.versions} files of earlier versions"
    )
    return [*told, *files.problems]
