"""Drop what fail2ban's database remembers of our jails when an operator purges data."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import Any

from provision.linux.agent.fail2ban import ask_server
from provision.linux.agent.host import HostError

DEFAULT = "/var/lib/fail2ban/fail2ban.sqlite3"
# Every table that names a jail, children first (fail2ban/server/database.py, 0.11 to 1.1).
TABLES = (("bips", "jail"), ("bans", "jail"), ("logs", "jail"), ("jails", "name"))


def forget_jails(prefix: str) -> None:
    """Delete every row of the jails whose name starts with ``prefix``.

    Raises:
        HostError: the database is there and cannot be written.
    """
    path = str(ask_server("get", "dbfile") or DEFAULT)
    if not os.path.isfile(path):
        return
    try:
        with closing(sqlite3.connect(path, timeout=30)) as database, database:
            _drop(database, prefix)
    except sqlite3.Error as error:
        raise HostError(f"{path}: {error}; the bans of {prefix}* stay in it") from error


def _drop(database: Any, prefix: str) -> None:
    there = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
    for table, column in TABLES:
        if table in there:
            query = f"DELETE FROM {table} WHERE substr({column}, 1, ?) = ?"  # noqa: S608 - ours
            database.execute(query, (len(prefix), prefix))
