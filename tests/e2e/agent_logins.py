"""Users of a Debian host, and whether the agent starts from their login."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from provision.errors import Failed, TargetError, Unreachable
from provision.linux.session.session import BanHostSession
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.lab.debian import DebianHost
from tests.unit.linux.linux_model import Unknown

# What an agent answers that runs as root and does not know the request, so that it changes nothing.
ANSWERED = "KeyError: 'nothing'"
PASSWORD = "password-of-all-users"


def install_packages(host: DebianHost, *packages: str) -> None:
    """Install packages from the mirror of this machine."""
    argv = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages]
    host.console(["env", "DEBIAN_FRONTEND=noninteractive", *argv], check=True)


def add_user(
    host: DebianHost, name: str, shell: str = "/bin/bash", rule: str = "ALL=(ALL) ALL"
) -> None:
    """Add a user who logs in with the lab's key; ``rule`` is a line of sudoers without the name."""
    home = f"/home/{name}"
    host.console(
        f"useradd -m -s {shell} {name} && echo {name}:{PASSWORD} | chpasswd"
        f" && cp -r /home/admin/.ssh {home}/ && chown -R {name} {home}"
        f" && echo '{name} {rule}' >/etc/sudoers.d/{name} && chmod 440 /etc/sudoers.d/{name}",
        check=True,
    )


def ask(
    host: DebianHost, user: str, password: str | None = PASSWORD, python: str | None = None
) -> BanHostSession:
    """Send a request that no agent knows; return the host for what it cost."""
    login = Login(
        host.name,
        host.address,
        user,
        host.port,
        private_key_file=str(host.private_key),
        become=user != "root",
        become_password=password,
        python=python,
    )
    with BanHostSession(login, Access(host.known_hosts, accept_new=False)) as session:
        session.ask(Unknown())
    return session


def check_agent_answers(
    host: DebianHost, user: str, password: str | None = PASSWORD, python: str | None = None
) -> None:
    with pytest.raises(Failed, match=ANSWERED):
        ask(host, user, password, python)


def get_refusal(host: DebianHost, user: str, password: str | None = PASSWORD) -> TargetError:
    with pytest.raises(Unreachable) as error:
        ask(host, user, password)
    return error.value


@contextmanager
def change_for_now(host: DebianHost, change: str, back: str) -> Iterator[None]:
    try:
        host.console(change, check=True)
        yield
    finally:
        host.console(back, check=True)
