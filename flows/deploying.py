"""Bringing a Prefect server in line with `deployments.py`: pool, limits, deployments, automations."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate, WorkPoolCreate
from prefect.client.schemas.objects import VersionInfo
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.workers.process import ProcessWorker

from flows.deployments import LIMITS, deployments
from flows.notifications import notifications
from flows.recovery import recovery
from quakelens.errors import UsageError
from quakelens.settings import Settings
from quakelens.station.parts import POOL

_FORM = 1
"""Counts up when this module applies the same deployment in another way, so that it is applied anew."""


def deploy(settings: Settings) -> list[str]:
    """Make what `deployments.py` says so on the server that PREFECT_API_URL names; what is so stays untouched.

    What a person paused or changed on Prefect's page stays as it is until the file says something else.

    Returns:
        What was looked at, a line each, which starts with `made`, `changed`, `removed` or `same`.

    Raises:
        UsageError: PREFECT_API_URL names no server, or none answers there.
    """
    url = get_current_settings().api.url
    if url is None:
        raise UsageError(
            "PREFECT_API_URL names no Prefect server: set it, or start a station with `quakelens serve`, which deploys"
        )
    with get_client(sync_client=True) as client:
        try:
            client.hello().raise_for_status()
        except httpx.HTTPError as error:
            raise UsageError(
                f"no Prefect server answers at {url} ({error}): start it, or correct PREFECT_API_URL"
            ) from error
        told = [_pool(client), *limits(client)]
        told += [_deployment(client, each) for each in deployments(settings)]
        told += recovery(client)
        told += notifications(client, settings)
    return told


def _pool(client: SyncPrefectClient) -> str:
    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=POOL, type=ProcessWorker.type, base_job_template=template))
        return f"made     work pool {POOL}"
    return f"same     work pool {POOL}"


def limits(client: SyncPrefectClient) -> list[str]:
    """Make the global concurrency limits; a line each."""
    return [_limit(client, name, slots) for name, slots in LIMITS.items()]


def _limit(client: SyncPrefectClient, name: str, slots: int) -> str:
    try:
        found = client.read_global_concurrency_limit_by_name(name)
    except ObjectNotFound:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=slots))
        return f"made     limit {name}: {slots}"
    if (found.limit, found.active) == (slots, True):
        return f"same     limit {name}: {slots}"
    client.update_global_concurrency_limit(name, GlobalConcurrencyLimitUpdate(limit=slots, active=True))
    return f"changed  limit {name}: {slots}"


def _deployment(client: SyncPrefectClient, wanted: RunnerDeployment) -> str:
    # The version says what it was made of, and so whether anything is to be done.
    wanted.version = _digest(wanted)
    # Otherwise Prefect takes the commit of the git repository in which this happens to run.
    version = VersionInfo(type="prefect:simple", version=wanted.version)
    try:
        found = client.read_deployment_by_name(wanted.full_name)
    except ObjectNotFound:
        wanted.apply(version_info=version)
        return f"made     {wanted.full_name}"
    triggers = all(client.read_automations_by_name(getattr(each, "name", "")) for each in wanted.triggers)
    if found.version == wanted.version and triggers:
        return f"same     {wanted.full_name}"
    wanted.paused = found.paused  # whoever paused it had a reason
    wanted.apply(version_info=version)
    return f"changed  {wanted.full_name}"


def _digest(wanted: RunnerDeployment) -> str:
    told: dict[str, Any] = wanted.model_dump(mode="json", exclude={"version"})
    told["schema"] = wanted._parameter_openapi_schema.model_dump(mode="json")
    told["form"] = _FORM
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:12]
