"""What the ban host remembers about one FortiGate, so that any operator can undo what was done."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from provision.fortios.desired import split_id
from provision.fortios.schema import CALLED_GLOBALLY, GLOBAL_TABLES
from provision.fortios.text import parse


@dataclass(frozen=True)
class Record:
    """``objects``: id -> CLI text of what stood there before, or None if we made it; oldest first.

    ``fingerprints``: "id attribute" -> keyed digest of the secret last sent, "" while under way.
    ``names``: id -> what a numbered entry is found by.
    """

    serial: str = ""
    objects: Mapping[str, str | None] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a plain dict for ``json``; objects as pairs, since a JSON object has no order."""
        return {
            "serial": self.serial,
            "objects": [[object_id, before] for object_id, before in self.objects.items()],
            "fingerprints": dict(self.fingerprints),
            "names": dict(self.names),
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
            names = {str(key): str(each) for key, each in data.get("names", {}).items()}
            return Record(str(data["serial"]), objects, fingerprints, names)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is not the record of a FortiGate: {error!r}") from error


def rescoped(record: Record, vdom_names: tuple[str, ...]) -> Record:
    """The record of a unit that has these VDOMs by now, none if it is without.

    When VDOMs are switched on, what a unit had goes to `root`, or stays for all of them; when they
    are switched off it comes back. What stood in a VDOM that was deleted is gone with it.
    """
    now = {old: _rescoped(old, vdom_names) for old in record.objects}

    def renamed(name: str) -> str:
        owner = next((each for each in now if name == each or name.startswith(f"{each} ")), name)
        return now.get(owner, owner) + name[len(owner) :]

    kept = {old: text for old, text in record.objects.items() if now[old]}
    return replace(
        record,
        objects={now[old]: text for old, text in kept.items()},
        fingerprints={renamed(name): each for name, each in record.fingerprints.items()},
        names={now[old]: each for old, each in record.names.items() if old in kept},
    )


def _rescoped(object_id: str, vdom_names: tuple[str, ...]) -> str:
    """The id by now; empty if its VDOM is gone."""
    scope, path, _ = split_id(object_id)
    rest = object_id[len(scope) + 1 :] if scope else object_id
    if not vdom_names:
        plain = next((p for p, called in CALLED_GLOBALLY.items() if called == path), path)
        return plain + rest[len(path) :]
    if not scope:
        called = CALLED_GLOBALLY.get(path, path)
        path, rest = called, called + rest[len(path) :]
        return f"{'global' if path in GLOBAL_TABLES else 'root'}/{rest}"
    return object_id if scope in ("global", *vdom_names) else ""


def fingerprint(key: bytes, value: str) -> str:
    """HMAC-SHA256 of a secret: tells whether it is current, and nothing to who lacks the key."""
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()
