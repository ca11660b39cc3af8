"""The measuring beside stock netmiko works, and ours needs fewer exchanges; time is not asked."""

from __future__ import annotations

from pathlib import Path

from tests.bench.fortios import Ours, Stock, measure


def test_banstitch_and_stock_netmiko_reach_the_same_configuration(tmp_path: Path) -> None:
    ours = Ours(tmp_path / "known_hosts")
    stock = Stock(ours)
    assert measure(0, ours.plan).exchanges * 3 < measure(0, stock.plan).exchanges
    mine, other = measure(0, ours.apply), measure(0, stock.apply)
    assert mine.exchanges < other.exchanges
    assert min(mine.sent, mine.received, other.sent, other.received) > 0
