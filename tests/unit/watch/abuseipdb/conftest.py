"""The stand-in for AbuseIPDB, and a site that reports to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.alarm_servers import make_certificates
from tests.unit.watch.abuseipdb.stand_in import Site, StandIn


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    _, context = make_certificates(tmp_path)
    with StandIn(context) as server:
        yield server


@pytest.fixture
def site(tmp_path: Path, stand_in: StandIn) -> Site:
    site = Site(tmp_path, stand_in, tmp_path / "ca.pem")
    site.reporter.look()
    site.now += 1
    return site
