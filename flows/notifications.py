"""Telling people what failed, what went live, and that nothing runs: automations that send through apprise."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import cast
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from pydantic import SecretStr

from flows.automations import apply
from flows.notification_block import QuakelensNotification
from quakelens.errors import UsageError
from quakelens.settings import Settings, notify_urls
from tasks.retraining import PROMOTED

TAG = "quakelens"
"""On every deployment, and so on every run; failures are told of those."""

_PREFIX = "quakelens: tell "
_QUIET = timedelta(minutes=15)
"""After a failure of a deployment, its further ones are not told for so long; watch runs each minute."""


def notifications(client: SyncPrefectClient, settings: Settings) -> list[str]:
    """Make an automation for each occasion and address; remove those of addresses that are not set any more.

    Returns:
        A line each, as `deploying.deploy` has them.

    Raises:
        UsageError: An address is none that apprise knows; the message does not show it.
    """
    told = []
    known = {each.name: each for each in client.read_automations() if each.name.startswith(_PREFIX)}
    for number, url in enumerate(notify_urls(settings), start=1):
        for wanted in _automations(number, _block(number, url)):
            told.append(apply(client, wanted, known.pop(wanted.name, None)))
    for name, found in known.items():
        client.delete_automation(found.id)
        told.append(f"removed  {name}")
    return told


def _block(number: int, url: str) -> UUID:
    from apprise import Apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would tell the address
    if not Apprise().add(url):
        raise UsageError(
            f"QUAKELENS_NOTIFY_URLS: address {number} is none that apprise knows; a webhook is jsons://HOST/PATH, "
            "e-mail mailtos://USER:PASSWORD@HOST?to=ADDRESS"
        )
    block = QuakelensNotification(url=SecretStr(url))
    return cast(UUID, block.save(f"quakelens-{number}", overwrite=True))


def _automations(number: int, block: UUID) -> Iterator[AutomationCore]:
    our_run: dict[str, str | list[str]] = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}
    yield AutomationCore(
        name=f"{_PREFIX}{number} of a failure",
        description="A run failed, crashed or ran past its time. Of each deployment once in 15 minutes.",
        trigger=EventTrigger(
            expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed", "prefect.flow-run.TimedOut"},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related=our_run,
            for_each={"related:deployment:prefect.resource.id"},
            within=_QUIET,
        ),
        actions=[
            SendNotification(
                block_document_id=block,
                subject="quakelens: {{ flow.name }} {{ flow_run.state.name }}",
                body="{{ flow_run.name }}: {{ flow_run.state.message }}\n{{ flow_run|ui_url }}",
            )
        ],
    )
    yield AutomationCore(
        name=f"{_PREFIX}{number} of a promotion",
        description="Another version of the model is the champion.",
        trigger=EventTrigger(expect={PROMOTED}, match={"prefect.resource.id": "quakelens.model.*"}),
        actions=[
            SendNotification(
                block_document_id=block,
                subject="quakelens: version {{ event.payload.version }} is the champion",
                body="{{ event.payload.reason }}",
            )
        ],
    )
    yield AutomationCore(
        name=f"{_PREFIX}{number} that nothing runs",
        description="`watch` was not completed for 15 minutes: the worker is away, or the feeds are.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            expect={"prefect.flow-run.Completed"},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={"prefect.resource.role": "deployment", "prefect.resource.name": "watch"},
            within=_QUIET,
        ),
        actions=[
            SendNotification(
                block_document_id=block,
                subject="quakelens: the feeds are not watched",
                body="The deployment `watch` was not completed for 15 minutes: see whether a worker runs, and "
                "what the last runs of watch say.",
            )
        ],
    )
