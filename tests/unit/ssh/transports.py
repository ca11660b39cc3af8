"""Both ways to log in: to a ban host, and to a FortiGate."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from provision.fortios.session.command_line import CommandLine
from provision.linux.session.session import BanHostSession
from provision.ssh.connection import Access
from provision.ssh.login import Login


def enter_ban_host(login: Login, access: Access) -> None:
    with BanHostSession(login, access):
        pass


def enter_fortigate(login: Login, access: Access) -> None:
    CommandLine(login, access).disconnect()


Enter = Callable[[Login, Access], None]
both_transports = pytest.mark.parametrize("enter", [enter_ban_host, enter_fortigate])
