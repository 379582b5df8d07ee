"""X's own words for the failures that take the place of an answer."""

from __future__ import annotations

from typing import Any

from quakelens.demo.servers.local import Reply, html_reply, json_reply
from quakelens.demo.servers.x_response import PROBLEMS


def problem(
    status: int,
    title: str,
    detail: str,
    *,
    kind: str = "about:blank",
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Reply:
    """A problem body."""
    body: dict[str, Any] = {**more, "title": title, "detail": detail, "type": kind}
    if kind == "about:blank":
        body["status"] = status
    return json_reply(status, body, headers)


SUSPENDED = {
    "parameter": "entities.mentions.username",
    "resource_id": "somebody",
    "value": "somebody",
    "detail": "User has been suspended: [somebody].",
    "title": "Forbidden",
    "resource_type": "user",
    "type": f"{PROBLEMS}/resource-not-found",
}
"""What a page says of something in it that X left out."""

FAILURES: dict[str, Reply] = {
    "503": problem(503, "Service Unavailable", "Service Unavailable"),
    "503-html": html_reply(503),
    "html": html_reply(200),
    "400": json_reply(
        400,
        {
            "errors": [{"parameters": {"query": ["x"]}, "message": "There were errors processing your request"}],
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": f"{PROBLEMS}/invalid-request",
        },
    ),
    "401": problem(401, "Unauthorized", "Unauthorized"),
    "402": problem(
        402,
        "CreditsDepleted",
        "Your enrolled account [1] does not have any credits to fulfill this request.",
        kind=f"{PROBLEMS}/credits",
    ),
    "403": problem(
        403,
        "Client Forbidden",
        "When authenticating requests to the Twitter API v2 endpoints, you must use keys and tokens from a "
        "Twitter developer App that is attached to a Project.",
        kind=f"{PROBLEMS}/client-forbidden",
        client_id="1",
        required_enrollment="Appropriate Level of API Access",
        reason="client-not-enrolled",
    ),
    "403-spend": problem(
        403, "SpendCapReached", "Your enrolled account [1] has reached its spend cap.", kind=f"{PROBLEMS}/credits"
    ),
    "409": problem(409, "Conflict", "The request conflicts with another one."),
    "409-rules": problem(
        409,
        "ConnectionException",
        "Rules must be configured before connecting",
        kind=f"{PROBLEMS}/streaming-connection",
        connection_issue="RuleConfigurationIssue",
    ),
    "429": problem(429, "Too Many Requests", "Too Many Requests"),
    "429-old": json_reply(429, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}),
    "429-connections": problem(
        429,
        "ConnectionException",
        "This stream is currently at the maximum allowed connection limit.",
        kind=f"{PROBLEMS}/streaming-connection",
        connection_issue="TooManyConnections",
    ),
    "usage-cap": problem(
        429,
        "UsageCapExceeded",
        "Usage cap exceeded: Monthly product cap",
        kind=f"{PROBLEMS}/usage-capped",
        account_id=1,
        product_name="standard-basic",
        period="Monthly",
        scope="Product",
    ),
}
"""By the kind of `Fault`. The words of 403-spend and 409 are not known from X itself, only title and status are."""
