"""Send a digest as JSON to a webhook: Slack, Teams, ntfy, Matrix, or a program of one's own.

Each form is the plainest that its service has: none of them reads markup, links or mentions in it.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from banstitch_shared.alarm_notes import CRITICAL, INFO, WARNING

from watch.alarms.digest import Digest
from watch.outgoing import Outgoing, Way, send

# Bytes of a message of ntfy; a longer one is an attachment, which many servers refuse.
_MOST_OF_NTFY = 4096
_PRIORITY = {INFO: 2, WARNING: 4, CRITICAL: 5}


class Webhook(NamedTuple):
    """A webhook. ``token``: a secret for the header Authorization, or empty."""

    template: str
    url: str
    token: str
    way: Way


def send_webhook(digest: Digest, webhook: Webhook) -> str:
    """Send a digest, and return what came back. Raises as :func:`watch.outgoing.send`."""
    return send(write_request(digest, webhook), webhook.way)


def write_request(digest: Digest, webhook: Webhook) -> Outgoing:
    """Return the request for a digest."""
    headers = {"Content-Type": "application/json"}
    if webhook.token:
        headers["Authorization"] = "Bearer " + webhook.token
    body = json.dumps(TEMPLATES[webhook.template](digest, webhook.url)).encode("ascii")
    if webhook.template == "matrix":
        # the server takes a transaction once, even if it is sent again
        transaction = hashlib.sha256(body).hexdigest()[:32]
        url = "%s/%s" % (webhook.url.rstrip("/"), transaction)
        return Outgoing("PUT", url, headers, body)
    url = _find_root(webhook.url) if webhook.template == "ntfy" else webhook.url
    return Outgoing("POST", url, headers, body)


def write_generic(digest: Digest, _: str) -> Mapping[str, Any]:
    """Return everything, for a program."""
    return {
        "site": digest.site,
        "severity": digest.severity,
        "subject": digest.subject,
        "text": digest.text,
        "alarms": [
            {
                "key": each.key,
                "severity": each.severity,
                "state": "over" if each.is_over else "active",
                "at": each.at,
                "text": each.text,
            }
            for each in digest.messages
        ],
    }


def write_slack(digest: Digest, _: str) -> Mapping[str, Any]:
    """Return a message without markup; `<!channel>` and links need a `<`, which is an entity here."""
    text = digest.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": text, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False}


def write_teams(digest: Digest, _: str) -> Mapping[str, Any]:
    """Return an adaptive card for a workflow; a TextRun, unlike a TextBlock, reads no markdown."""
    blocks = [
        {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, "weight": weight}]}
        for text, weight in [
            (digest.subject, "bolder"),
            *((line, "default") for line in digest.lines),
        ]
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def write_ntfy(digest: Digest, url: str) -> Mapping[str, Any]:
    """Return a message in ntfy's JSON, in which nothing stands in a header."""
    return {
        "topic": urlsplit(url).path.strip("/").rpartition("/")[2],
        "title": digest.subject,
        "message": "\n".join(digest.fit(_MOST_OF_NTFY).lines),
        "priority": _PRIORITY[digest.severity],
    }


def write_matrix(digest: Digest, _: str) -> Mapping[str, Any]:
    """Return a message as text only, which mentions nobody."""
    return {"msgtype": "m.text", "body": digest.text, "m.mentions": {}}


def _find_root(url: str) -> str:
    """Return the address of an ntfy server, without the topic at its end."""
    return url.rstrip("/").rpartition("/")[0] + "/"


TEMPLATES: Mapping[str, Callable[[Digest, str], Mapping[str, Any]]] = {
    "generic": write_generic,
    "slack": write_slack,
    "teams": write_teams,
    "ntfy": write_ntfy,
    "matrix": write_matrix,
}
