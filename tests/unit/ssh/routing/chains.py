"""Jump hosts and targets behind them, and what each of them has seen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from provision.errors import Unreachable
from provision.ssh.connection import Access, connect
from provision.ssh.login import Login
from tests.simulator.server import host_key
from tests.unit.ssh.logins import ECDSA
from tests.unit.ssh.ssh_server import Rules, Seen, ssh_server

HOP_KEY = host_key("")


@dataclass
class Chain:
    """A target behind one jump host, and what both have seen."""

    target: Login
    target_saw: Seen
    hop_saw: Seen

    @property
    def hop(self) -> Login:
        assert self.target.via
        return self.target.via


def build_hop(port: int, **more: Any) -> Login:
    return Login("jump host b1", "127.0.0.1", "jumper", port, is_hop=True, **more)


@contextlib.contextmanager
def open_chain(
    hop_rules: Rules, target_rules: Rules | None = None, **login: Any
) -> Iterator[Chain]:
    with ssh_server(target_rules or Rules()) as (port, seen), ssh_server(hop_rules) as (hop, saw):
        target = Login("fgt1", "127.0.0.1", "admin", port, via=build_hop(hop), **login)
        yield Chain(target, seen, saw)


def make_rules(**more: Any) -> Rules:
    """Return the rules of a jump host that lets the operator's default key in."""
    return Rules(key=ECDSA, forwards=True, host_key=HOP_KEY, **more)


def get_error(login: Login, access: Access) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        connect(login, access)
    return caught.value
