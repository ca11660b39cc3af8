"""Check what sudo asks, and the causes for which it refuses."""

from __future__ import annotations

import shlex

import pytest

from provision.errors import Unreachable
from provision.linux.session import session
from tests.unit.linux.agent_login import PASSWORD, ask, check_agent_answers
from tests.unit.ssh.shell_server import ShellServer

# Asks once more than three times, as sudo does; "-n" asks nobody.
SUDO = f"""\
#!/bin/sh
[ "$1" = -n ] && {{ echo "sudo: a password is required" >&2; exit 1; }}
for attempt in 1 2 3; do
    printf '%s' "$SUDO_PROMPT" >&2
    read -r password || {{ echo "sudo: no password was provided" >&2; exit 1; }}
    echo "$attempt" >>"$HOME/attempts"
    if [ "$password" = {PASSWORD} ]; then shift 2; exec "$@"; fi
    echo "<badly>" >&2
done
exit 1
"""
# Takes all that is there for the password, as sudo-rs does.
GREEDY = f"""\
#!/bin/bash
read -r password
while read -r -t 0.5 more; do password="$password $more"; done
[ "$password" = {PASSWORD} ] || {{ echo "sudo: Authentication failed, try again." >&2; exit 1; }}
shift 2; exec "$@"
"""


@pytest.mark.parametrize("text", [SUDO, GREEDY], ids=["line by line", "all that is there"])
def test_the_request_follows_only_once_sudo_has_accepted_the_password(
    server: ShellServer, text: str
) -> None:
    server.program("sudo", text)
    check_agent_answers(server, become=True, become_password=PASSWORD)
    assert PASSWORD not in server.commands[0]


def test_root_needs_no_sudo(server: ShellServer) -> None:
    server.program("sudo", "#!/bin/sh\necho no >&2; exit 1\n")
    check_agent_answers(server, user="root", become=True, become_password=PASSWORD)
    assert PASSWORD.encode() not in b"".join(server.received)


@pytest.mark.parametrize("badly", ["Sorry, try again.", "Nochmal", ""])
def test_a_wrong_password_is_tried_once_and_nothing_is_sent_behind_it(
    server: ShellServer, badly: str
) -> None:
    server.program("sudo", SUDO.replace("<badly>", badly))
    with pytest.raises(Unreachable, match="sudo refused the password of joe") as error:
        ask(server, become=True, become_password="not-the-one")
    assert "ansible_become_password" in error.value.remedy
    assert (server.home / "attempts").read_text().split() == ["1"]
    assert b"".join(server.received) == b"not-the-one\n"
    assert len(server.commands) == 1


@pytest.mark.parametrize(
    "password", ["BANSTITCH-ANSWER ", ":ready", ".", "a:answer:5", "'\"$(id)`", "x\\"]
)
def test_any_password_works_also_where_sudo_does_not_ask_for_it(
    server: ShellServer, password: str
) -> None:
    server.program("sudo", '#!/bin/sh\nshift 2; exec "$@"\n')
    check_agent_answers(server, become=True, become_password=password)


def test_a_sudo_that_asks_for_something_else_is_given_up(
    server: ShellServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "STARTING", 1)
    server.program("sudo", "#!/bin/sh\nread -r p; printf 'Verification code: ' >&2; read -r c")
    with pytest.raises(Unreachable, match="it prints: Verification code:"):
        ask(server, become=True, become_password=PASSWORD)


SAID: dict[str, tuple[str, str]] = {
    # by sudo
    "sudo: a password is required": ("asks joe for a password", "set ansible_become_password"),
    "sudo: a terminal is required to read the password": ("asks joe", "set ansible_become"),
    "sudo-rs: interactive authentication is required": ("asks joe", "set ansible_become"),
    "Sorry, user joe is not allowed to execute '/bin/sh' as root on bh1.": (
        "joe may not run the agent as root by sudo",
        "`joe ALL=(root) NOPASSWD: /bin/sh`",
    ),
    "joe is not in the sudoers file.": ("may not run the agent", "log in as a user who may"),
    "Sorry, user joe may not run sudo on bh1.": ("may not run the agent", "visudo"),
    "sudo: I'm sorry joe. I'm afraid I can't do that": ("may not run the agent", "visudo"),
    "env: 'sudo': No such file or directory": ("there is no sudo", "install it"),
    "sh: 1: sudo: not found": ("there is no sudo", "install it"),
    "sudo: effective uid is not 0, is /usr/bin/sudo on a file system": ("cannot become", "mode"),
    "sudo: no valid sudoers sources found, quitting": ("configuration", "visudo -c"),
    "sudo: Account or password is expired, reset your password": ("expired", "chage -l joe"),
    "sudo: account validation failure, is your account locked?": ("locked", "chage -l joe"),
    "The account is locked due to 3 failed logins.": ("is locked", "faillock --user joe --reset"),
    # by the server and the login shell
    "Password change required but no TTY available.": ("password of joe has expired", "by hand"),
    "You are required to change your password immediately": ("password", "by hand"),
    "WARNING: Your password has expired.": ("password of joe has expired", "set a new password"),
    "This service allows sftp connections only.": ("transfer files only", "ForceCommand"),
    "This account is currently not available.": ("nologin", "chsh"),
    "rbash: line 1: env: command not found": ("restricted", "search path"),
    "System is going down. Unprivileged users are not permitted": ("shutting down", "wait"),
}


@pytest.mark.parametrize("stream", ["", " >&2"], ids=["output", "error"])
@pytest.mark.parametrize("said", SAID)
def test_each_way_to_refuse_has_its_own_words_and_a_remedy(
    server: ShellServer, said: str, stream: str
) -> None:
    server.shell = ("/bin/sh", "-c", f"echo {shlex.quote(said)}{stream}; exit 1")
    with pytest.raises(Unreachable) as error:
        ask(server, become=True)
    what, remedy = SAID[said]
    assert what in error.value.message
    assert remedy in error.value.remedy


def test_a_user_with_some_commands_only_is_not_asked_for_a_password(server: ShellServer) -> None:
    server.program(
        "sudo",
        "#!/bin/sh\n[ \"$2\" = -l ] && { echo '    (ALL) NOPASSWD: /usr/bin/apt'; exit; }\n"
        "echo 'sudo: a password is required' >&2; exit 1\n",
    )
    with pytest.raises(Unreachable, match="only some commands by sudo") as error:
        ask(server, become=True)
    assert "`joe ALL=(root) NOPASSWD: /bin/sh`" in error.value.remedy
