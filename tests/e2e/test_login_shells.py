"""The agent starts with each shell of Debian, start-up files, wrappers, environments and Pythons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from provision.errors import Failed
from provision.linux.session.session import NoPython
from tests.e2e.agent_logins import (
    PASSWORD,
    add_user,
    ask,
    change_for_now,
    check_agent_answers,
    get_refusal,
    install_packages,
)
from tests.lab.debian import DebianHost
from tests.lab.roots import build_ready_root

pytestmark = pytest.mark.lab
SHELLS = ("bash", "dash", "tcsh", "bsd-csh", "fish", "zsh", "rbash")


@pytest.fixture(scope="module")
def host() -> Iterator[DebianHost]:
    """A host with every shell, and a user for each of them."""
    with DebianHost(build_ready_root()) as made:
        install_packages(made, "tcsh", "csh", "fish", "zsh")
        for shell in SHELLS:
            add_user(made, f"u-{shell}", f"/bin/{shell}" if shell != "fish" else "/usr/bin/fish")
        yield made


@pytest.mark.parametrize("shell", SHELLS)
def test_the_agent_starts_from_each_login_shell(host: DebianHost, shell: str) -> None:
    check_agent_answers(host, f"u-{shell}")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_missing_sudo_is_named_in_every_shell(host: DebianHost, shell: str) -> None:
    with change_for_now(
        host, "mv /usr/bin/sudo /usr/bin/sudo.away", "mv /usr/bin/sudo.away /usr/bin/sudo"
    ):
        assert "there is no sudo" in get_refusal(host, f"u-{shell}", None).message


START_UP = {
    "trap": "trap 'echo bye' EXIT",
    "slow-trap": "trap 'sleep 100; echo bye' EXIT",
    "stderr": "exec >&2",
    "xtrace": "set -x",
    "chatty": "echo hello; echo hello >&2; printf 'no line end'",
    "background": "sleep 300 &",
    "noise": "head -c 3000 /dev/urandom",
    "alias": "alias sudo=false env=false sh=false",
}


@pytest.mark.parametrize("case", START_UP)
def test_start_up_files_that_print_do_not_matter(host: DebianHost, case: str) -> None:
    add_user(host, f"s-{case}")
    host.console(["sh", "-c", f"cat >/home/s-{case}/.bashrc"], stdin=START_UP[case] + "\n")
    check_agent_answers(host, f"s-{case}")


def test_an_account_without_a_shell_is_named(host: DebianHost) -> None:
    add_user(host, "n-nologin", "/usr/sbin/nologin")
    error = get_refusal(host, "n-nologin")
    assert "is nologin" in error.message
    assert "chsh" in error.remedy
    add_user(host, "n-false", "/bin/false")
    with pytest.raises(Failed, match=r"runs no programs \(exit 1\)"):
        ask(host, "n-false")


def test_a_password_that_has_expired_is_an_error_of_the_login(host: DebianHost) -> None:
    add_user(host, "n-expired")
    host.console("passwd -e n-expired", check=True)
    error = get_refusal(host, "n-expired")
    assert ": the password of n-expired has expired; the server says: " in error.message
    assert "log in by hand" in error.remedy


FORCED = {
    "wrapper": 'ForceCommand /bin/sh -c "echo hi; $SSH_ORIGINAL_COMMAND; echo bye"',
    "recorder": 'ForceCommand script -q -c "$SSH_ORIGINAL_COMMAND" /dev/null',
}


@contextmanager
def forced(host: DebianHost, user: str, line: str) -> Iterator[None]:
    path = "/etc/ssh/sshd_config.d/zz-forced.conf"
    host.console(["sh", "-c", f"cat >{path}"], stdin=f"Match User {user}\n{line}\n", check=True)
    # systemd refuses many starts in a row, until its count of them is reset
    restart = "systemctl reset-failed ssh && systemctl restart ssh"
    with change_for_now(host, restart, f"rm {path}; {restart}"):
        yield


@pytest.mark.parametrize("case", FORCED)
@pytest.mark.parametrize("password", [PASSWORD, None], ids=["password", "no password"])
def test_a_wrapper_around_the_command_does_not_matter(
    host: DebianHost, case: str, password: str | None
) -> None:
    name = f"f-{case}-{'asks' if password else 'never'}"
    add_user(host, name, rule="ALL=(ALL) ALL" if password else "ALL=(ALL) NOPASSWD: ALL")
    with forced(host, name, FORCED[case]):
        check_agent_answers(host, name, password)


def test_a_login_for_files_only_is_named(host: DebianHost) -> None:
    with forced(host, "u-bash", "ForceCommand internal-sftp"):
        assert "transfer files only" in get_refusal(host, "u-bash").message


NAMES = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "LD_PRELOAD", "LD_LIBRARY_PATH")
ENVIRONMENT = "".join(f"{name}=/nonexistent\n" for name in NAMES)


@pytest.mark.parametrize("user", ["root", "u-bash"])
def test_the_environment_of_the_login_does_not_reach_the_agent(host: DebianHost, user: str) -> None:
    host.console(["sh", "-c", "cat >/etc/environment"], stdin=ENVIRONMENT, check=True)
    with change_for_now(host, "true", "printf '' >/etc/environment"):
        check_agent_answers(host, user)


@pytest.mark.parametrize("user", ["root", "u-bash"])
@pytest.mark.parametrize("body", ["exit 1", "kill -SEGV $$", "cat", "sleep 100"])
def test_a_python_that_is_not_the_hosts_own_is_skipped(
    host: DebianHost, user: str, body: str
) -> None:
    path = "/usr/local/bin/python3"
    make = f"printf '#!/bin/sh\\n{body}\\n' >{path} && chmod 755 {path}"
    with change_for_now(host, make, f"rm {path}"):
        check_agent_answers(host, user)


def test_the_python_of_the_inventory_is_used(host: DebianHost) -> None:
    with change_for_now(
        host,
        "mv /usr/bin/python3 /usr/bin/python3-away",
        "mv /usr/bin/python3-away /usr/bin/python3",
    ):
        with pytest.raises(NoPython):
            ask(host, "root")
        check_agent_answers(host, "root", python="/usr/bin/python3-away")
    check_agent_answers(host, "root", python="/usr/bin/env python3")
