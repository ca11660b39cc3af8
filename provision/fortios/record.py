"""What the ban host remembers about one FortiGate, so that any operator can undo what was done."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from provision.fortios.text import parse


@dataclass(frozen=True)
class Record:
    """``objects``: id -> CLI text of what stood there before, or None if we made it; oldest first.

    ``fingerprints``: "id attribute" -> keyed digest of the secret last sent, "" while under way.
    """

    serial: str = ""
    objects: Mapping[str, str | None] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a plain dict for ``json``; objects as pairs, since a JSON object has no order."""
        return {
            "serial": self.serial,
            "objects": [[object_id, before] for object_id, before in self.objects.items()],
            "fingerprints": dict(self.fingerprints),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Record:
        """The record that :meth:`to_json` wrote.

        Raises:
            ValueError: it was not written by it, or was damaged since.
        """
        try:
            objects = {
                str(key): None if text is None else str(text) for key, text in data["objects"]
            }
            for text in objects.values():
                parse(text or "")
            fingerprints = {str(key): str(each) for key, each in data["fingerprints"].items()}
            return Record(str(data["serial"]), objects, fingerprints)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is not the record of a FortiGate: {error!r}") from error


def fingerprint(key: bytes, value: str) -> str:
    """HMAC-SHA256 of a secret: tells whether it is current, and nothing to who lacks the key."""
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()
