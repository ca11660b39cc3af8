"""Log in to a server of this machine, and start an agent that does nothing."""

from __future__ import annotations

from typing import Any

import pytest

from provision.errors import Failed
from provision.linux.session.session import BanHostSession
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.unit.linux.linux_model import Unknown
from tests.unit.ssh.shell_server import ShellServer

# What an agent answers that was started, but not as root, or that does not know the request.
ANSWERED = "must run as root|KeyError"
PASSWORD = "hunter2-of-joe"


def log_in(server: ShellServer, **login: Any) -> BanHostSession:
    """Return a session of joe, or of another user."""
    known_hosts = server.home / "known_hosts"
    known_hosts.write_text(server.known_as)
    user = login.pop("user", "joe")
    who = Login("bh1", "127.0.0.1", user, server.port, password="of-joe", **login)
    return BanHostSession(who, Access(known_hosts, accept_new=False))


def ask(server: ShellServer, **login: Any) -> object:
    """Send a request that no agent knows, so that nothing is done on this machine."""
    with log_in(server, **login) as host:
        return host.ask(Unknown())


def check_agent_answers(server: ShellServer, **login: Any) -> None:
    with pytest.raises(Failed, match=ANSWERED):
        ask(server, **login)
    assert len(server.commands) == 1
