"""Each cause of a failed login has its own error, at ban hosts and FortiGates alike.

The server is a small one that misbehaves; `tests/e2e/test_logins.py` covers the same causes with OpenSSH.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from provision.errors import Unreachable
from provision.fortios.session.command_line import CommandLine
from provision.ssh import causes
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.unit.ssh.login_cases import CASES, KEY, PASSWORD, RIGHT, WRONG, Case
from tests.unit.ssh.ssh_server import Rules, ssh_server
from tests.unit.ssh.transports import Enter, both_transports


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "id_of_joe"
    KEY.write_private_key_file(str(path))
    return str(path)


@both_transports
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_cause_has_its_own_message_and_remedy(
    case: Case, enter: Enter, key_file: str, access: Access
) -> None:
    given: dict[str, Any] = dict(case.login)
    if "private_key_file" in given:
        given["private_key_file"] = key_file
    if given.get("password") == WRONG:
        # one that was refused before on this port would not be sent again
        given["password"] += f"-{uuid4().hex}"
    with ssh_server(case.rules) as (port, seen):
        login = Login("target1", "127.0.0.1", "joe", port, **given)
        with pytest.raises(Unreachable) as caught:
            enter(login, access)
    error = caught.value
    assert type(error) is case.cause, error
    assert error.message.startswith(f"target1 (joe@127.0.0.1:{port}): ")
    assert case.says.replace("KEY", key_file) in error.message
    assert case.remedy in error.remedy
    assert tuple(method for method, _ in seen.attempts) == case.sent
    assert RIGHT not in str(error)
    assert WRONG not in str(error)


@both_transports
def test_the_timeout_of_the_inventory_applies_to_slow_answers(enter: Enter, access: Access) -> None:
    """A RADIUS server may first wait for a push to a phone."""
    with ssh_server(Rules(steps=PASSWORD, delay=1.5)) as (port, seen):
        enter(Login("target1", "127.0.0.1", "joe", port, password=RIGHT, timeout=20), access)
        with pytest.raises(causes.TimedOut, match=r"no answer to the .* within 1 s"):
            enter(Login("target1", "127.0.0.1", "joe", port, password="another", timeout=1), access)
    assert ("password", RIGHT) in seen.attempts


def test_the_last_output_of_a_terminal_that_closes_is_shown(access: Access) -> None:
    rules = Rules(steps=PASSWORD, shell=b"Maximum number of admin sessions\x1b[1m reached\r\n")
    with ssh_server(rules) as (port, _), pytest.raises(causes.RefusedByPolicy) as caught:
        CommandLine(Login("fgt1", "127.0.0.1", "joe", port, password=RIGHT), access)
    assert 'says: "Maximum number of admin sessions' in caught.value.message
    assert "\x1b" not in caught.value.message


def test_a_fortigate_that_opens_no_terminal_is_not_left_connected(access: Access) -> None:
    with ssh_server(Rules(steps=PASSWORD, no_shell=True)) as (port, seen):
        with pytest.raises(Unreachable, match="let joe in and opened no terminal"):
            CommandLine(Login("fgt1", "127.0.0.1", "joe", port, password=RIGHT), access)
        seen.transports[0].join(10)
        assert not seen.transports[0].is_active()


def test_a_session_with_a_fortigate_that_ends_closes_its_connection(access: Access) -> None:
    with ssh_server(Rules(steps=PASSWORD)) as (port, seen):
        CommandLine(Login("fgt1", "127.0.0.1", "joe", port, password=RIGHT), access).close()
        seen.transports[0].join(10)
        assert not seen.transports[0].is_active()
