"""The sessions that the page keeps."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from page.store import MOST_OF_USER, Store


def test_sessions_that_count_the_seconds_of_the_clock_displace_no_new_one(tmp_path: Path) -> None:
    """A release that kept them so may have left as many as a user may have."""
    path = str(tmp_path / "state.db")
    store = Store(path)
    for _ in range(MOST_OF_USER):
        store.begin_session("erin", "proof", "198.51.100.1")
    with sqlite3.connect(path) as base:
        base.execute("UPDATE sessions SET created = ?, seen = ?", (time.time(), time.time()))
    cookie = store.begin_session("erin", "proof", "198.51.100.1")
    assert store.find_session(cookie, idle=900, longest=3600) is not None
