"""The certificate of a receiver with two names, and the step that makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CA_PATH, PATH = "/etc/x/ca.pem", "/etc/x/server.pem"
RECEIVER = ("192.0.2.10", "ban.example.net", "127.0.0.1", "::1", "localhost")


def make_step(path: Path, **more: Any) -> dict[str, Any]:
    attributes = {"mode": 0o600, "owner": "root", "group": "root"}
    return {"path": str(path), "content": "", "names": list(RECEIVER), **attributes, **more}
