"""The record of one FortiGate on its ban host, from which any operator can undo a deployment."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from provision.errors import Failed
from provision.fortios.config.object_id import GLOBAL, ObjectId
from provision.fortios.config.tables import GLOBAL_PATHS, find_table
from provision.fortios.record.restorable import list_members, may_be_called, parse_remembered_body
from provision.fortios.record.validation import check_id, check_text, quote

# More objects than Banstitch makes on a FortiGate: two for each log id of each detection, and policies.
_MAX_OBJECTS = 2000
_MAX_CHARACTERS = 400
# Members of remembered lists of addresses; each takes a FortiGate three `show`.
_MAX_MEMBERS = 1000
_DIGEST = re.compile(r"(?:[0-9a-f]{64})?")
# Behind the id of its object: the path through inner tables, and the attribute.
_SECRET = re.compile(r"(?: [a-z0-9-]+:[0-9]*)* [a-z0-9-]+")


@dataclass(frozen=True)
class Record:
    """The objects that Banstitch made or changed on one FortiGate.

    ``objects``: id to the CLI text of what stood there before, or None if we made it; oldest first.
    ``fingerprints``: "id attribute" to the keyed digest of the secret last sent, "" while it is sent.
    ``names``: id to the name by which a numbered entry is found.
    """

    serial: str = ""
    objects: Mapping[str, str | None] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Return a plain dict for ``json``; objects are pairs, since a JSON object has no order."""
        return {
            "serial": self.serial,
            "objects": [[object_id, before] for object_id, before in self.objects.items()],
            "fingerprints": dict(self.fingerprints),
            "names": dict(self.names),
        }

    @staticmethod
    def from_json(data: object) -> Record:
        """Return the record that :meth:`to_json` of this or an earlier release wrote.

        A ban host can be taken over, so nothing in ``data`` is trusted: ids, names and texts must have
        the form that Banstitch writes. Only what `restorable.py` permits is ever typed.

        Raises:
            RecordRefused: ``data`` is not such a record.
        """
        try:
            return _read_record(data)
        except ValueError as error:
            raise RecordRefused(str(error)) from None


class RecordRefused(Failed, ValueError):
    """A record that Banstitch cannot have written; nothing in it is trusted."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the ban host's record of this FortiGate is refused: {what}",
            "nothing was sent to it. The file is damaged, or somebody else wrote it: check the ban "
            "host, then restore /var/lib/banstitch/manifest.json there from a backup",
        )


def _read_record(data: object) -> Record:
    if not isinstance(data, Mapping) or not data.keys() >= {"serial", "objects", "fingerprints"}:
        raise ValueError("it must have the form of a record")
    objects = dict(_read_objects(data["objects"]))
    _check_members(objects)
    fingerprints = _read_texts(data["fingerprints"], "fingerprints")
    names = _read_texts(data.get("names", {}), "names")
    for name, digest in fingerprints.items():
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"{quote(name)} must have a fingerprint of 64 hexadecimal digits")
    for object_id, name in names.items():
        if not may_be_called(check_id(object_id), name):
            raise ValueError(f"{quote(object_id)} must not be called {quote(name)}")
    return Record(
        _read_text(data["serial"], "serial"),
        objects,
        {name: digest for name, digest in fingerprints.items() if _is_secret_of(name, objects)},
        {object_id: name for object_id, name in names.items() if object_id in objects},
    )


def _read_objects(data: object) -> Iterator[tuple[str, str | None]]:
    if not isinstance(data, list) or len(data) > _MAX_OBJECTS:
        raise ValueError(f"objects must be a list of at most {_MAX_OBJECTS} pairs")
    seen = set()
    for pair in data:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise ValueError("objects must be pairs of an id and a text")
        object_id, text = pair
        if object_id in seen:
            raise ValueError(f"{quote(object_id)} must occur only once")
        if text is not None and not isinstance(text, str):
            raise ValueError(f"{quote(object_id)} must have a text or null")
        check_text(check_id(object_id), text)
        seen.add(object_id)
        yield object_id, text


def _check_members(objects: Mapping[str, str | None]) -> None:
    """Check that a restore would not look up too many addresses."""
    count = 0
    for object_id, text in objects.items():
        one = ObjectId.parse(object_id)
        count += sum(1 for _ in list_members(one, parse_remembered_body(one, text))) if text else 0
        if count > _MAX_MEMBERS:
            raise ValueError(f"its lists must have at most {_MAX_MEMBERS} addresses")


def _read_texts(data: object, what: str) -> dict[str, str]:
    if not isinstance(data, Mapping) or len(data) > _MAX_OBJECTS:
        raise ValueError(f"{what} must be an object of at most {_MAX_OBJECTS} texts")
    return {_read_text(key, what): _read_text(text, what) for key, text in data.items()}


def _read_text(text: object, what: str) -> str:
    if not isinstance(text, str) or len(text) > _MAX_CHARACTERS or not text.isprintable():
        raise ValueError(f"{what} must be printable text of at most {_MAX_CHARACTERS} characters")
    return text


def _is_secret_of(name: str, objects: Mapping[str, str | None]) -> bool:
    """Return whether ``name`` is the name of a secret in one of ``objects``."""
    owners = (object_id for object_id in objects if name.startswith(f"{object_id} "))
    return any(_SECRET.fullmatch(name[len(owner) :]) for owner in owners)


def remap_scopes(record: Record, vdom_names: tuple[str, ...]) -> Record:
    """Return the record with the ids of a FortiGate that now has the VDOMs ``vdom_names``; () for none.

    When VDOMs are switched on, FortiOS moves objects to `root` or makes them global; when they are
    switched off, it moves them back. The objects of a deleted VDOM are gone.
    """
    new_ids = {old: _remap_scope(old, vdom_names) for old in record.objects}

    def remap_name(name: str) -> str:
        owners = (old for old in new_ids if name == old or name.startswith(f"{old} "))
        owner = next(owners, name)
        return new_ids.get(owner, owner) + name[len(owner) :]

    kept = {old: text for old, text in record.objects.items() if new_ids[old]}
    return replace(
        record,
        objects={new_ids[old]: text for old, text in kept.items()},
        fingerprints={remap_name(name): digest for name, digest in record.fingerprints.items()},
        names={new_ids[old]: name for old, name in record.names.items() if old in kept},
    )


def _remap_scope(object_id: str, vdom_names: tuple[str, ...]) -> str:
    """Return the new id; empty if its VDOM is gone."""
    one = ObjectId.parse(object_id)
    if not vdom_names:
        local_paths = {global_path: path for path, global_path in GLOBAL_PATHS.items()}
        return str(ObjectId("", local_paths.get(one.table, one.table), one.key))
    if not one.scope:
        table = GLOBAL_PATHS.get(one.table, one.table)
        scope = GLOBAL if find_table(table).scope == "global" else "root"
        return str(ObjectId(scope, table, one.key))
    return object_id if one.scope in (GLOBAL, *vdom_names) else ""


def make_fingerprint(key: bytes, value: str) -> str:
    """Return the HMAC-SHA256 of a secret, which shows whether it is current only to owners of ``key``."""
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()
