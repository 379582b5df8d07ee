"""Bringing one automation of a Prefect server in line."""

from __future__ import annotations

from prefect.client.orchestration import SyncPrefectClient
from prefect.events.schemas.automations import Automation, AutomationCore


def apply(client: SyncPrefectClient, wanted: AutomationCore, found: Automation | None) -> str:
    """Make an automation, or change the one of its name that is there; a line as `deploying.deploy` has them."""
    if found is None:
        client.create_automation(wanted)
        return f"made     {wanted.name}"
    if (found.description, found.trigger, found.actions) == (wanted.description, wanted.trigger, wanted.actions):
        return f"same     {wanted.name}"
    client.delete_automation(found.id)  # Prefect 3.8 leaves out what it needs when it updates one
    client.create_automation(wanted)
    return f"changed  {wanted.name}"
