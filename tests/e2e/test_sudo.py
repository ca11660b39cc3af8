"""The agent runs with sudo as operators set it up on Debian; where it cannot, the error has a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.agent_logins import (
    PASSWORD,
    add_user,
    change_for_now,
    check_agent_answers,
    get_refusal,
    install_packages,
)
from tests.e2e.labsite import LabSite
from tests.lab.debian import DebianHost
from tests.lab.roots import build_ready_root

pytestmark = pytest.mark.lab

FAILLOCK = """\
auth required pam_faillock.so preauth deny=3
auth [success=1 default=ignore] pam_unix.so
auth [default=die] pam_faillock.so authfail deny=3
auth sufficient pam_faillock.so authsucc deny=3
auth required pam_permit.so
"""


@pytest.fixture(scope="module")
def host() -> Iterator[DebianHost]:
    """A host with a user who may use sudo with a password, and one who needs none."""
    with DebianHost(build_ready_root()) as made:
        add_user(made, "asked")
        add_user(made, "free", rule="ALL=(ALL) NOPASSWD: ALL")
        yield made


@contextmanager
def sudoers(host: DebianHost, *lines: str) -> Iterator[None]:
    path = "/etc/sudoers.d/zz-case"
    host.console(["sh", "-c", f"cat >{path}"], stdin="\n".join(lines) + "\n", check=True)
    with change_for_now(host, f"chmod 440 {path}; visudo -cq", f"rm {path}"):
        yield


WORKS = {
    "as Debian has it": "",
    "a terminal is required": "Defaults requiretty",
    "a terminal is required and another is made": "Defaults requiretty, use_pty",
    "no other terminal is made": "Defaults !use_pty",
    "it asks each time": "Defaults timestamp_timeout=0",
    "a lecture": "Defaults lecture=always",
    "everything is recorded": "Defaults log_output, log_input",
    "insults": "Defaults insults",
    "another prompt": 'Defaults passprompt="Kennwort: ", passprompt_override',
    "another reply": 'Defaults badpass_message="Nee"',
    "the environment is kept": "Defaults !env_reset, !secure_path",
    "one try": "Defaults passwd_tries=1",
    "each program is looked up": "Defaults intercept",
}


@pytest.mark.parametrize("case", WORKS)
def test_the_agent_starts_and_a_wrong_password_is_known(host: DebianHost, case: str) -> None:
    with sudoers(host, WORKS[case]):
        check_agent_answers(host, "asked")
        check_agent_answers(host, "free", None)
        check_agent_answers(host, "free", "not-asked-for")
        assert (
            "sudo refused the password of asked" in get_refusal(host, "asked", "wrong-one").message
        )


@pytest.mark.parametrize("case", ["rootpw", "targetpw"])
def test_the_password_may_be_that_of_root(host: DebianHost, case: str) -> None:
    host.console("echo root:password-of-root | chpasswd", check=True)
    with sudoers(host, f"Defaults {case}"):
        check_agent_answers(host, "asked", "password-of-root")


@pytest.mark.parametrize("user", ["asked", "free"])
def test_noexec_is_named(host: DebianHost, user: str) -> None:
    with sudoers(host, "Defaults noexec"):
        error = get_refusal(host, user, PASSWORD if user == "asked" else None)
    assert "noexec" in error.message
    assert f"Defaults:{user} !noexec" in error.remedy


def test_the_error_of_sudo_for_some_commands_names_what_the_agent_needs(host: DebianHost) -> None:
    add_user(host, "some-asked", rule="ALL=(ALL) /usr/bin/apt")
    add_user(host, "some-free", rule="ALL=(ALL) NOPASSWD: /usr/bin/apt")
    asked, free = get_refusal(host, "some-asked"), get_refusal(host, "some-free", None)
    assert "some-asked may not run the agent as root by sudo: it needs /bin/sh" in asked.message
    assert "`some-asked ALL=(root) /bin/sh`" in asked.remedy
    assert "some-free may run only some commands by sudo" in free.message
    assert "`some-free ALL=(root) NOPASSWD: /bin/sh`" in free.remedy


def test_the_remedies_of_the_errors_are_enough(host: DebianHost) -> None:
    add_user(host, "just-asked", rule="ALL=(root) /bin/sh")
    add_user(host, "just-free", rule="ALL=(root) NOPASSWD: /bin/sh")
    check_agent_answers(host, "just-asked")
    check_agent_answers(host, "just-free", None)


def test_a_translated_sudo_is_understood(host: DebianHost) -> None:
    install_packages(host, "locales")
    host.console("localedef -i de_DE -f UTF-8 de_DE.UTF-8", check=True)
    german = "printf 'LANG=de_DE.UTF-8\\nLC_ALL=de_DE.UTF-8\\nLANGUAGE=de\\n' >/etc/environment"
    with change_for_now(host, german, "printf '' >/etc/environment"):
        check_agent_answers(host, "asked")
        assert "asks asked for a password" in get_refusal(host, "asked", None).message
        assert "refused the password of asked" in get_refusal(host, "asked", "wrong-one").message


def test_a_wrong_password_does_not_lock_the_account(host: DebianHost) -> None:
    keep = "cp /etc/pam.d/common-auth /root/common-auth"
    with change_for_now(host, keep, "cp /root/common-auth /etc/pam.d/common-auth"):
        host.write("/etc/pam.d/common-auth", FAILLOCK)
        get_refusal(host, "asked", "wrong-one")
        check_agent_answers(host, "asked")
    journal = host.console("journalctl -t sudo -o cat --no-pager | tail -50").stdout
    assert "3 incorrect password attempts" not in journal


def test_a_site_is_deployed_and_torn_down_by_sudo_rs(tmp_path: Path) -> None:
    """Debian 13 offers it; `deploy` needs no password, `admin` is asked for one."""
    with LabSite(tmp_path / "inventory", build_ready_root("trixie"), user="deploy") as site:
        install_packages(site.host, "sudo-rs")
        site.host.console("ln -s /usr/bin/sudo-rs /usr/local/bin/sudo", check=True)
        before = site.list_files()
        applied = site.run("apply", "-y")
        assert applied.code == 0, applied.out + applied.err
        admin = ("-e", "ansible_user=admin", "-e")
        asked = (*admin, f"ansible_become_password={site.host.password}")
        for login in ((), asked):
            planned = site.run("plan", "--json", *login)
            assert planned.code == 0, planned.out + planned.err
            assert planned.target("bh1")["execs"] == 1
        wrong = site.run("plan", *admin, "ansible_become_password=wrong-password")
        assert wrong.code == 4
        assert "sudo refused the password of admin" in wrong.out
        gone = site.run("teardown", "-y", *asked)
        assert gone.code == 0, gone.out + gone.err
        assert site.list_files() == before
