"""What the ban host remembers about one FortiGate, so that any operator can undo what was done."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from provision.errors import Failed
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.schema import CALLED_GLOBALLY, GLOBAL_TABLES
from provision.fortios.record.restorable import list_members, may_be_called, parse_remembered_body
from provision.fortios.record.validation import check_id, check_text, quote

# More objects than a FortiGate can get from us: two for each log id of each detection, policies.
_MOST = 2000
_LONGEST = 400
# Members of remembered lists of addresses: each costs a FortiGate three `show`.
_MOST_MEMBERS = 1000
_DIGEST = re.compile(r"(?:[0-9a-f]{64})?")
# behind the id of its object: the way through nested tables, and the attribute
_SECRET = re.compile(r"(?: [a-z0-9-]+:[0-9]*)* [a-z0-9-]+")


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
    def from_json(data: object) -> Record:
        """Return the record that :meth:`to_json` wrote, of this release or of an older one.

        A ban host can be taken over, so nothing in ``data`` is believed: ids, names and texts have to
        be such as this toolkit writes. What passes is still not typed unless `restorable.py` permits.

        Raises:
            RecordRefused: it is no such record.
        """
        try:
            return _read(data)
        except ValueError as error:
            raise RecordRefused(str(error)) from None


class RecordRefused(Failed, ValueError):
    """The record of a FortiGate is not such as this toolkit writes: nothing in it is believed."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the ban host's record of this FortiGate is refused: {what}",
            "nothing was sent to it. The file was damaged, or somebody else wrote it: check the ban "
            "host, then restore /var/lib/banstitch/manifest.json there from a backup",
        )


def _read(data: object) -> Record:
    if not isinstance(data, Mapping) or not data.keys() >= {"serial", "objects", "fingerprints"}:
        raise ValueError("it has not the form of a record")
    objects = dict(_read_objects(data["objects"]))
    _check_members(objects)
    prints = _read_texts(data["fingerprints"], "fingerprints")
    names = _read_texts(data.get("names", {}), "names")
    for name, digest in prints.items():
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"{quote(name)} must have a fingerprint of 64 hexadecimal digits")
    for each, name in names.items():
        if not may_be_called(check_id(each), name):
            raise ValueError(f"{quote(each)} cannot be called {quote(name)}")
    return Record(
        _read_text(data["serial"], "serial"),
        objects,
        {name: each for name, each in prints.items() if _is_secret_of(name, objects)},
        {each: name for each, name in names.items() if each in objects},
    )


def _read_objects(data: object) -> Iterator[tuple[str, str | None]]:
    if not isinstance(data, list) or len(data) > _MOST:
        raise ValueError(f"objects must be a list of at most {_MOST} pairs")
    seen = set()
    for pair in data:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise ValueError("objects must be pairs of an id and a text")
        object_id, text = pair
        if object_id in seen:
            raise ValueError(f"{quote(object_id)} stands in it twice")
        if text is not None and not isinstance(text, str):
            raise ValueError(f"{quote(object_id)} must have a text or null")
        check_text(check_id(object_id), text)
        seen.add(object_id)
        yield object_id, text


def _check_members(objects: Mapping[str, str | None]) -> None:
    """Check that the addresses that a restore would look up are not too many to be asked for."""
    found = 0
    for each, text in objects.items():
        one = ObjectId.parse(each)
        found += sum(1 for _ in list_members(one, parse_remembered_body(one, text))) if text else 0
        if found > _MOST_MEMBERS:
            raise ValueError(f"its lists must have at most {_MOST_MEMBERS} addresses")


def _read_texts(data: object, what: str) -> dict[str, str]:
    if not isinstance(data, Mapping) or len(data) > _MOST:
        raise ValueError(f"{what} must be an object of at most {_MOST} texts")
    return {_read_text(key, what): _read_text(each, what) for key, each in data.items()}


def _read_text(text: object, what: str) -> str:
    if not isinstance(text, str) or len(text) > _LONGEST or not text.isprintable():
        raise ValueError(f"{what} must be printable text of at most {_LONGEST} characters")
    return text


def _is_secret_of(name: str, objects: Mapping[str, str | None]) -> bool:
    """Return whether ``name`` is that of a secret in one of ``objects``."""
    owners = (each for each in objects if name.startswith(f"{each} "))
    return any(_SECRET.fullmatch(name[len(each) :]) for each in owners)


def remap_scopes(record: Record, vdom_names: tuple[str, ...]) -> Record:
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
    scope, path, _ = ObjectId.parse(object_id)
    rest = object_id[len(scope) + 1 :] if scope else object_id
    if not vdom_names:
        plain = next((p for p, called in CALLED_GLOBALLY.items() if called == path), path)
        return plain + rest[len(path) :]
    if not scope:
        called = CALLED_GLOBALLY.get(path, path)
        path, rest = called, called + rest[len(path) :]
        return f"{'global' if path in GLOBAL_TABLES else 'root'}/{rest}"
    return object_id if scope in ("global", *vdom_names) else ""


def make_fingerprint(key: bytes, value: str) -> str:
    """HMAC-SHA256 of a secret: tells whether it is current, and nothing to who lacks the key."""
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()
