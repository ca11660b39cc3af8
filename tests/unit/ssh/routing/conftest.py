"""Fixtures of jump hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.ssh.connection import Access
from provision.ssh.routing.hops import Hops
from tests.unit.ssh.logins import ECDSA, save_key


@pytest.fixture
def access(home: Path) -> Iterator[Access]:
    """Return an access that trusts new host keys; the operator has a default key."""
    save_key(ECDSA, home / ".ssh" / "id_ecdsa")
    with Hops() as shared:
        yield Access(home / "known_hosts", accept_new=True, hops=shared)
