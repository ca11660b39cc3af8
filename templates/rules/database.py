"""The database of autonomous systems: a file in MaxMind's format that the operator keeps up to date.

The package ``maxminddb`` reads it. It is installed only at sites with such a database.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from banstitch_shared.signatures import Signature, read_signature

from rules.systems import LookUp, Systems

log = logging.getLogger("banstitch-rules")

# The fields that databases have for the number: GeoLite2 ASN and DB-IP, IPinfo.
_FIELDS = ("autonomous_system_number", "asn")
_NUMBER = re.compile(r"(?:AS)?([0-9]{1,10})\Z")


class Database:
    """The file of the database, which is opened again when it was replaced."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._signature: Signature | None = None
        self._is_tried = False
        self._systems: Systems | None = None

    def is_changed(self) -> bool:
        """Return whether the file was replaced since it was opened, or never tried."""
        return bool(self._path) and (
            not self._is_tried or read_signature(self._path) != self._signature
        )

    def open(self) -> Systems | None:
        """Return the systems, or those of the last good file if this one cannot be used, or None."""
        if not self.is_changed():
            return self._systems
        self._signature, self._is_tried = read_signature(self._path), True
        try:
            self._systems = Systems(open_database(self._path))
        except (OSError, ValueError, ImportError) as error:
            old = "so the last good one counts" if self._systems else "so the rule asn bans nothing"
            log.error("%s cannot be used, %s: %s", self._path, old, error)
        return self._systems


def open_database(path: str) -> LookUp:
    """Return the function that looks up an address.

    Raises:
        ImportError: ``maxminddb`` is not installed.
        OSError, ValueError: the file cannot be read, or is no such database.
    """
    import maxminddb

    try:
        reader = maxminddb.open_database(path)
    except maxminddb.InvalidDatabaseError as error:
        raise ValueError(str(error)) from error

    def look_up(address: str) -> tuple[int, int]:
        try:
            record, bits = reader.get_with_prefix_len(address)
        except (ValueError, maxminddb.InvalidDatabaseError):
            # IPv6 in a database of IPv4, or a damaged part: 0 bits make the walk skip all of it
            return 0, 0
        return read_number(record), bits

    if not look_up("8.8.8.8")[0] and "ASN" not in reader.metadata().database_type:
        raise ValueError("the file has no autonomous systems")
    return look_up


def read_number(record: Any) -> int:
    """Return the number of the system in a record; 0 for none."""
    if not isinstance(record, dict):
        return 0
    for field in _FIELDS:
        value = record.get(field, "")
        if isinstance(value, int):
            return value
        found = _NUMBER.match(str(value))
        if found:
            return int(found[1])
    return 0
