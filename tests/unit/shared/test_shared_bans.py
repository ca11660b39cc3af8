"""A site offers its latest bans, each address once, whatever their number."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from banstitch_shared import shared_bans
from banstitch_shared.shared_bans import SharedBan, read_imported, select_offered

JAIL = "banstitch-sslvpn_login_failed"


def make_bans(count: int) -> Iterator[SharedBan]:
    """Yield bans, the latest last, and each of every third address in a second jail as well."""
    for number in range(count):
        address = f"45.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        yield SharedBan(address, 5e9, float(number), JAIL)
        if number % 3 == 0:
            yield SharedBan(address, 6e9, float(number), f"{JAIL}-trap")


def test_only_the_latest_bans_are_offered_each_address_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared_bans, "MOST", 4)
    offered = select_offered(make_bans(100))
    assert [(ban.since, ban.until) for ban in offered] == [
        (96, 6e9),
        (97, 5e9),
        (98, 5e9),
        (99, 6e9),
    ]
    assert select_offered(reversed(list(make_bans(100)))) == offered


def test_a_site_with_very_many_bans_keeps_no_more_in_memory_than_it_offers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared_bans, "MOST", 100)
    tracemalloc.start()
    offered = select_offered(make_bans(20_000))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(offered) == 100
    assert most < 300_000


def test_of_what_the_receivers_user_wrote_no_more_is_read_than_a_feed_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_bans, "MOST_IMPORTED", 3)
    path = tmp_path / "denied"
    path.write_text(f"45.9.9.9 9999999999 1 {JAIL} a\n" * 5)
    assert len(list(read_imported(str(path), 0.0))) == 3
