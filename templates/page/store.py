"""Sessions and attempts to log in, which all workers share, in a database in /run.

A session is known by the digest of its cookie, so that nobody who reads the file can take one over. Times
are seconds since the boot, with which /run begins empty: a clock that is set ends no session, and none lasts
longer for it.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from banstitch_shared.service import read_uptime

# Sessions of one user, and of all; rows of attempts. The oldest give way.
MOST_OF_USER, MOST_SESSIONS, MOST_ATTEMPTS = 20, 2000, 20000
# Seconds between two notes that a session is in use.
NOTED = 30
# Seconds to wait for another worker.
PATIENCE = 2.0
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS sessions (key TEXT PRIMARY KEY, id TEXT, name TEXT, token TEXT,"
    " proof TEXT, peer TEXT, created REAL, seen REAL)",
    "CREATE TABLE IF NOT EXISTS attempts (what TEXT, at REAL)",
    "CREATE INDEX IF NOT EXISTS attempts_what ON attempts (what, at)",
)
_COLUMNS = "id, name, token, proof, peer, created, seen"


class Session(NamedTuple):
    """One session. ``token`` proves that a form is from us; ``proof`` stands for the user's settings."""

    id: str
    name: str
    token: str
    proof: str
    peer: str
    created: float
    seen: float


class Limit(NamedTuple):
    """So many attempts of one kind within so many seconds."""

    what: str
    most: int
    seconds: int


class Store:
    """The database."""

    def __init__(self, path: str) -> None:
        self._path = path

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Yield the database in one transaction. Raises sqlite3.Error."""
        base = sqlite3.connect(self._path, timeout=PATIENCE, isolation_level=None)
        try:
            base.execute("PRAGMA journal_mode=MEMORY")
            base.execute("PRAGMA synchronous=OFF")  # a crash of the host empties /run as well
            base.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                base.execute(statement)
            yield base
            base.execute("COMMIT")
        finally:
            base.close()

    def begin_session(self, name: str, proof: str, peer: str) -> str:
        """Begin a session, and return its cookie."""
        cookie, now = secrets.token_urlsafe(32), read_uptime()
        values = (secrets.token_hex(8), name, secrets.token_urlsafe(32), proof, peer, now, now)
        with self._open() as base:
            # of an earlier release, which counted the seconds of the clock
            base.execute("DELETE FROM sessions WHERE created > ?", (now,))
            base.execute(
                "INSERT INTO sessions VALUES (?,?,?,?,?,?,?,?)", (_digest(cookie), *values)
            )
            _trim(base, "name = ?", (name,), MOST_OF_USER)
            _trim(base, "1", (), MOST_SESSIONS)
        return cookie

    def find_session(self, cookie: str, idle: float, longest: float) -> Session | None:
        """Return the session of a cookie, unless it was idle too long or is too old, in seconds."""
        now = read_uptime()
        with self._open() as base:
            row = base.execute(
                "SELECT %s FROM sessions WHERE key = ?" % _COLUMNS, (_digest(cookie),)
            ).fetchone()
            session = Session(*row) if row else None
            if session is None:
                return None
            in_use = 0 <= now - session.seen <= idle and 0 <= now - session.created <= longest
            if not in_use:
                base.execute("DELETE FROM sessions WHERE id = ?", (session.id,))
            elif now - session.seen > min(NOTED, idle / 4):
                base.execute("UPDATE sessions SET seen = ? WHERE id = ?", (now, session.id))
            return session if in_use else None

    def end_session(self, session_id: str) -> None:
        """End a session."""
        with self._open() as base:
            base.execute("DELETE FROM sessions WHERE id = ?", (session_id,))

    def list_sessions(self, idle: float, longest: float) -> list[Session]:
        """Return the sessions that may go on, the last one used first."""
        now = read_uptime()
        with self._open() as base:
            rows = base.execute(
                "SELECT %s FROM sessions WHERE seen >= ? AND created >= ? ORDER BY seen DESC LIMIT 200"
                % _COLUMNS,
                (now - idle, now - longest),
            ).fetchall()
        return [Session(*row) for row in rows]

    def take_attempts(self, limits: Sequence[Limit]) -> bool:
        """Count one attempt of each kind, and return whether all were within their limits.

        What is over a limit is not counted, so that a limit ends although attempts go on.
        """
        now = read_uptime()
        with self._open() as base:
            for limit in limits:
                count = base.execute(
                    "SELECT count(*) FROM attempts WHERE what = ? AND at BETWEEN ? AND ?",
                    (_digest(limit.what), now - limit.seconds, now),
                ).fetchone()[0]
                if count >= limit.most:
                    return False
            base.execute(
                "DELETE FROM attempts WHERE at NOT BETWEEN ? AND ?",
                (now - max(limit.seconds for limit in limits), now),
            )
            base.executemany(
                "INSERT INTO attempts VALUES (?, ?)", [(_digest(each.what), now) for each in limits]
            )
            base.execute(
                "DELETE FROM attempts WHERE rowid <= (SELECT max(rowid) FROM attempts) - ?",
                (MOST_ATTEMPTS,),
            )
        return True

    def forget_attempts(self, what: Sequence[str]) -> None:
        """Count from zero again, after a success."""
        with self._open() as base:
            base.executemany(
                "DELETE FROM attempts WHERE what = ?", [(_digest(each),) for each in what]
            )


def _trim(base: sqlite3.Connection, where: str, values: tuple[str, ...], most: int) -> None:
    """Delete all but the ``most`` newest sessions."""
    base.execute(
        f"DELETE FROM sessions WHERE {where} AND key NOT IN (SELECT key FROM sessions WHERE {where}"
        f" ORDER BY created DESC, rowid DESC LIMIT {most})",
        values * 2,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
