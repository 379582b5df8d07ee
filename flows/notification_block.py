"""Where people are told, as a block of Prefect: its server loads it by the entry point `prefect.collections`."""

from __future__ import annotations

from typing import ClassVar

from prefect.blocks.notifications import AppriseNotificationBlock
from pydantic import Field, SecretStr


class QuakelensNotification(AppriseNotificationBlock):
    """Somewhere to tell people of failures and promotions.

    Made by `quakelens deploy` from QUAKELENS_NOTIFY_URLS; it is overwritten there, not here.
    """

    _block_type_name: ClassVar[str] = "quakelens notification"
    _block_type_slug: ClassVar[str] = "quakelens-notification"

    url: SecretStr = Field(
        title="Address",
        description="As apprise takes it: jsons://HOST/PATH for a webhook, mailtos://USER:PASSWORD@HOST?to=ADDRESS for "
        "e-mail, or another of its services.",
    )
