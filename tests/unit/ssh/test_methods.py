"""Keys and passwords are offered in the right order and number; the server counts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.ssh import causes
from provision.ssh.connection import Access, connect
from provision.ssh.login import Login
from tests.unit.ssh.logins import ECDSA, RIGHT, RSA, get_refusal, list_methods, log_in, save_key
from tests.unit.ssh.ssh_agent import Agent
from tests.unit.ssh.ssh_server import Rules, TypedCodes, ssh_server

PASSWORD = (("password",),)


def test_a_named_key_comes_before_the_password(access: Access, home: Path) -> None:
    path = save_key(RSA, home / "id")
    seen = log_in(Rules(key=ECDSA), access, private_key_file=path, password=RIGHT)
    assert list_methods(seen) == ["publickey", "password"]


def test_a_default_file_with_a_passphrase_is_mentioned(access: Access, home: Path) -> None:
    path = save_key(RSA, home / ".ssh" / "id_rsa", "its passphrase")
    error, _ = get_refusal(Rules(), access)
    assert f"{path} has a passphrase" in error.message


@pytest.mark.parametrize("held", ["by file", "by agent"])
def test_an_rsa_key_logs_in_where_only_sha_1_signatures_are_supported(
    held: str, agent: Agent, access: Access, home: Path
) -> None:
    """FortiOS before 7.0.14 and 7.2.8, OpenSSH before 7.2: another signature ends the connection."""
    named = {"private_key_file": save_key(RSA, home / "id")} if held == "by file" else {}
    agent.hold(RSA)
    assert list_methods(log_in(Rules(key=RSA, sha1_only=True), access, **named)) == ["publickey"]


def test_an_rsa_key_logs_in_where_the_server_does_not_list_its_signatures(
    access: Access, home: Path
) -> None:
    path = save_key(RSA, home / "id")
    seen = log_in(Rules(key=RSA, quiet_about_signatures=True), access, private_key_file=path)
    assert list_methods(seen) == ["publickey"]


def test_a_refused_password_is_not_sent_by_a_second_login(access: Access) -> None:
    with ssh_server(Rules(steps=PASSWORD)) as (port, seen):
        login = Login("fgt1", "127.0.0.1", "admin", port, password="refused-once")
        for _ in range(3):
            with pytest.raises(
                causes.PasswordRefused, match="password refused for admin"
            ) as caught:
                connect(login, access)
        assert seen.attempts == [("password", "refused-once")]
        assert "not sent again" in caught.value.message
        connect(Login("fgt1", "127.0.0.1", "admin", port, password=RIGHT), access).close()


def test_a_password_refused_by_prompts_is_not_sent_by_the_other_method(
    access: Access,
) -> None:
    rules = Rules(
        steps=(("password", "keyboard-interactive"),),
        rounds=((("Password: ", False),),),
        answers=(RIGHT,),
    )
    _, seen = get_refusal(rules, access, password="refused-by-prompts")
    assert len(seen.attempts) == 1


def test_without_prompts_the_password_is_sent_by_the_other_method(
    access: Access,
) -> None:
    rules = Rules(steps=(("password", "keyboard-interactive"),))
    assert list_methods(log_in(rules, access, password=RIGHT)) == [
        "keyboard-interactive",
        "password",
    ]


def test_a_key_and_then_a_password(access: Access, home: Path) -> None:
    rules = Rules(key=RSA, steps=(("publickey",), ("password",)))
    path = save_key(RSA, home / "id")
    seen = log_in(rules, access, private_key_file=path, password=RIGHT)
    assert list_methods(seen) == ["publickey", "password"]


def test_a_password_and_then_prompts_for_it(access: Access) -> None:
    rules = Rules(
        steps=(("password",), ("keyboard-interactive",)),
        rounds=((("Password: ", False),),),
        answers=(RIGHT,),
    )
    seen = log_in(rules, access, password=RIGHT)
    assert list_methods(seen) == ["password", "keyboard-interactive"]


CODE = ((("Password: ", False),), (("Verification code: ", False),))
PROMPTS = (("keyboard-interactive",),)


def test_a_code_is_requested_once_and_sent(access: Access) -> None:
    access.codes = codes = TypedCodes("123456")
    rules = Rules(steps=PROMPTS, rounds=CODE, answers=(RIGHT, "123456"))
    with ssh_server(rules) as (port, _):
        login = Login("fgt1", "127.0.0.1", "admin", port, password=RIGHT)
        connect(login, access).close()
    assert codes.prompts == ["fgt1: Verification code:"]


def test_a_wrong_code_after_an_accepted_password_is_a_wrong_code(
    access: Access,
) -> None:
    rules = Rules(
        steps=(("password",), ("keyboard-interactive",)),
        rounds=((("Verification code: ", False),),),
        answers=("123456",),
    )
    with ssh_server(rules) as (port, seen):
        login = Login("fgt1", "127.0.0.1", "admin", port, password=RIGHT)
        access.codes = TypedCodes("000000")
        with pytest.raises(causes.CodeRefused, match="code refused for admin") as caught:
            connect(login, access)
        assert "password" not in caught.value.message
        access.codes = TypedCodes("123456")
        connect(login, access).close()
    assert seen.count("keyboard-interactive") == 2


def test_the_text_above_a_prompt_is_shown_with_it(access: Access) -> None:
    access.codes = codes = TypedCodes("123456")
    rules = Rules(
        steps=PROMPTS, rounds=CODE, answers=(RIGHT, "123456"), text="Open your\nFortiToken"
    )
    with ssh_server(rules) as (port, _):
        login = Login("fgt1", "127.0.0.1", "admin", port, password=RIGHT)
        connect(login, access).close()
    assert codes.prompts == ["fgt1: Open your FortiToken Verification code:"]


def test_a_wrong_code_is_not_called_a_wrong_password(access: Access) -> None:
    rules = Rules(steps=PROMPTS, rounds=CODE, answers=(RIGHT, "123456"))
    with ssh_server(rules) as (port, seen):
        login = Login("fgt1", "127.0.0.1", "admin", port, password=RIGHT)
        access.codes = TypedCodes("000000")
        with pytest.raises(causes.CodeRefused, match="password or code refused for admin"):
            connect(login, access)
        access.codes = TypedCodes("123456")
        connect(login, access).close()
    assert seen.connections == 2
