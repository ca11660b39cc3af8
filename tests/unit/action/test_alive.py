"""The action's files stay, whoever removes them, and say when fail2ban last looked after the bans."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.action.action_model import JAIL, NOW, Server, eventually, ticket


@pytest.fixture
def server(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(server.module.keeper, "TICK", 0.01)
    return server


def sign(server: Server) -> Path:
    return server.spool / f"{JAIL}.alive"


def is_given(server: Server) -> bool:
    """Return whether a sign of life is given from now on."""
    os.utime(sign(server), (0, 0))
    return eventually(lambda: sign(server).stat().st_mtime >= NOW)


def test_a_file_of_bans_that_somebody_removes_is_written_again(server: Server) -> None:
    server.start().ban(ticket("203.0.113.9"))
    assert server.becomes({"203.0.113.9": NOW + 600})
    server.file.unlink()
    assert server.becomes({"203.0.113.9": NOW + 600})


def test_as_long_as_fail2ban_looks_after_the_bans_there_is_a_fresh_sign_of_it(
    server: Server,
) -> None:
    server.start()
    assert eventually(sign(server).exists)
    assert is_given(server)
    assert sign(server).stat().st_mode & 0o777 == 0o640
    assert sign(server).stat().st_size == 0
    sign(server).unlink()
    assert eventually(sign(server).exists)


def test_a_server_that_has_stopped_gives_no_sign(server: Server) -> None:
    server.start()
    server.stop()
    os.utime(sign(server), (0, 0))
    assert sign(server).stat().st_mtime == 0


def test_a_full_disk_keeps_nobody_from_giving_a_sign(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.module.keeper, "RETRY", 0.01)
    action = server.start()
    assert eventually(sign(server).exists)
    real = os.open

    def full(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, flags, *more, **named)

    with monkeypatch.context() as disk:
        disk.setattr(server.module.spool_files.os, "open", full)
        action.ban(ticket("203.0.113.9"))
        assert is_given(server)
        sign(server).unlink()
    assert eventually(sign(server).exists)
