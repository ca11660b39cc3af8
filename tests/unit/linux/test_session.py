"""What stands between a login and the agent: shells that print, sudo, Python. Real SSH and real programs.

What needs root or other packages is in tests/e2e/test_login_shells.py and test_sudo.py.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from provision.errors import Failed, TargetError, Unreachable
from provision.linux.session import bootstrap, launch, session
from provision.linux.session.session import BanHostSession, NoPython
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.unit.linux.linux_model import Unknown
from tests.unit.ssh.shell_server import ShellServer

# What an agent answers that was started, but not as root, or that does not know the request.
ANSWERED = "not root here|KeyError"
PASSWORD = "hunter2-of-joe"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ShellServer]:
    with ExitStack() as stack:
        yield stack.enter_context(ShellServer(tmp_path))


def ask(server: ShellServer, **login: Any) -> object:
    """Send a request that no agent knows, so that nothing is done on this machine."""
    known_hosts = server.home / "known_hosts"
    known_hosts.write_text(server.known_as)
    user = login.pop("user", "joe")
    who = Login("bh1", "127.0.0.1", user, server.port, password="of-joe", **login)
    with BanHostSession(who, Access(known_hosts, accept_new=False)) as host:
        return host.ask(Unknown())


def must_answer(server: ShellServer, **login: Any) -> None:
    with pytest.raises(Failed, match=ANSWERED):
        ask(server, **login)
    assert len(server.commands) == 1


# --- what surrounds the answer -----------------------------------------------------------------------------

START_UP = {
    "a banner": "echo Welcome",
    "a banner without a line end": "printf 'Welcome> '",
    "a banner on standard error": "echo Welcome >&2",
    "bytes that are no text": "head -c 3000 /dev/urandom",
    "a line at the end": "trap 'echo bye' EXIT",
    "standard output goes to standard error": "exec >&2",
    "standard error goes to standard output": "exec 2>&1",
    "each command is printed": "set -x",
    "line ends of a terminal": "exec > >(sed -u 's/$/\\r/')",
    "a program that stays and keeps both outputs": "sleep 30 &",
    "an alias": "alias sh=false env=false",
    "an own folder that is gone": "mkdir -p gone; cd gone; rmdir ../gone",
}


@pytest.mark.parametrize("case", START_UP)
def test_what_a_login_shell_prints_does_not_matter(server: ShellServer, case: str) -> None:
    start = server.home / "start-up"
    start.write_text(START_UP[case])
    server.shell = ("/bin/bash", "-c", f'. {start}\neval "$1"', "bash")
    must_answer(server)


def test_a_program_that_stays_does_not_hold_up_an_error(server: ShellServer) -> None:
    server.shell = ("/bin/bash", "-c", "sleep 30 & exit 3")
    with pytest.raises(TargetError, match="exit 3"):
        ask(server)


def test_an_answer_is_read_through_a_wrapper_that_records_the_session(server: ShellServer) -> None:
    server.shell = ("/bin/sh", "-c", 'exec script -q -c "$1" /dev/null', "sh")
    must_answer(server)


def test_the_command_line_has_nothing_that_a_shell_could_take_for_something_else() -> None:
    for become, password in ((False, False), (True, False), (True, True)):
        line = launch.command(launch.new_marker(), become, password)
        outside = line.split("'")[::2]
        assert len(line.split("'")) == 3
        assert not set("\n!\\") & set(line)
        assert not set('$`"*?[]{}~#&|;<>()^%@') & set("".join(outside))
        assert max(map(len, line.split("'"))) < 500


def test_what_follows_on_standard_input_fits_the_lines_of_a_terminal() -> None:
    marker = launch.new_marker()
    python = "/opt/" + "x" * 990
    sent = launch.agent(marker, [python], session.agent_zip(), b"{}" * 5000)
    for line in (sent + launch.install_python(marker)).splitlines():
        assert len(line) < 4095
        assert all(32 <= byte < 127 for byte in line)


# --- sudo ------------------------------------------------------------------------------------------------

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
    must_answer(server, become=True, become_password=PASSWORD)
    assert PASSWORD not in server.commands[0]


def test_root_needs_no_sudo(server: ShellServer) -> None:
    server.program("sudo", "#!/bin/sh\necho no >&2; exit 1\n")
    must_answer(server, user="root", become=True, become_password=PASSWORD)
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
    must_answer(server, become=True, become_password=password)


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
    assert what in error.value.what
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


# --- the login shell and the connection ----------------------------------------------------------------


def test_a_server_that_opens_no_session_is_named_and_nothing_is_left_to_finish(
    server: ShellServer,
) -> None:
    server.full = True
    with pytest.raises(Unreachable, match="opens no session for joe") as error:
        ask(server)
    assert error.value.remedy == "check MaxSessions in its sshd_config"


def test_a_start_up_file_that_waits_or_hides_the_output_is_a_cause_of_silence(
    server: ShellServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "STARTING", 1)
    server.shell = ("/bin/sh", "-c", 'exec >/dev/null; eval "$1"', "sh")
    with pytest.raises(Failed, match="did not run a program within 1 s") as error:
        ask(server)
    assert "may wait for input, or send all output elsewhere" in error.value.remedy


def test_a_server_that_runs_no_programs_is_named(server: ShellServer) -> None:
    server.refuses = True
    with pytest.raises(Unreachable, match="runs no programs for joe"):
        ask(server)


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("exit 1", r"runs no programs \(exit 1\)"),
        ('exec >/dev/null 2>&1; eval "$1"', "prints nothing"),
        ("echo what a day >&2; exit 126", r"\(exit 126\): what a day"),
    ],
)
def test_a_login_shell_that_runs_nothing_is_an_error_with_its_first_line(
    server: ShellServer, script: str, what: str
) -> None:
    server.shell = ("/bin/sh", "-c", script, "sh")
    with pytest.raises(Failed, match=what) as error:
        ask(server)
    assert "ssh" in error.value.remedy or "start-up" in error.value.remedy


@pytest.mark.parametrize("text", ["x" * 400, "Bearer " + "aB3" * 14, '{"verify": "' + "aB3" * 14])
@pytest.mark.parametrize("stream", ["", " >&2"], ids=["output", "error"])
def test_what_may_be_a_secret_or_an_answer_is_not_quoted(
    server: ShellServer, text: str, stream: str
) -> None:
    server.shell = ("/bin/sh", "-c", f"echo {shlex.quote(text)}{stream}; exit 1")
    with pytest.raises(TargetError, match="exit 1") as error:
        ask(server)
    assert text[-20:] not in str(error.value)


@pytest.mark.parametrize("word", [b":ready", b":began"])
def test_a_connection_that_breaks_says_how_to_go_on(server: ShellServer, word: bytes) -> None:
    server.breaks = word
    server.program("slow", '#!/bin/sh\nsleep 5\nexec /usr/bin/python3 "$@"\n')
    with pytest.raises(Failed, match="the connection broke") as error:
        ask(server)
    assert "run again" in error.value.remedy


# --- Python ------------------------------------------------------------------------------------------------


def test_nothing_of_the_login_takes_part_in_what_runs_as_root(server: ShellServer) -> None:
    trap = f"open({str(server.home / 'sprung')!r}, 'w')\n"
    for module in ("json", "pickle", "os", "sitecustomize", "usercustomize", "provision"):
        (server.home / f"{module}.py").write_text(trap)
    server.program("python3", f"#!/bin/sh\ntouch {server.home / 'sprung'}\n")
    server.environment = {
        "PYTHONPATH": str(server.home),
        "PYTHONHOME": "/nonexistent",
        "PYTHONSTARTUP": str(server.home / "json.py"),
        "ENV": str(server.home / "json.py"),
    }
    must_answer(server)
    assert not (server.home / "sprung").exists()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("exit 1", r"python does not run \(exit 1\)"),
        ("echo first; echo No module named encodings >&2; exit 1", "No module named encodings"),
        ("echo $4:old:3.7; exit 41", "is Python 3.7; the agent needs 3.9"),
        ("exit 42", "standard library"),
        ("exit 126", "must not be run"),
    ],
)
def test_a_python_that_cannot_run_the_agent_is_named(
    server: ShellServer, text: str, what: str
) -> None:
    python = server.program("python", f"#!/bin/sh\n{text}\n")
    with pytest.raises(Failed, match=what) as error:
        ask(server, python=str(python))
    assert not isinstance(error.value, NoPython)
    assert "ansible_python_interpreter" in str(error.value)


def test_a_python_that_is_not_there_is_named(server: ShellServer) -> None:
    with pytest.raises(Failed, match="there is no /opt/none, which ansible_python_interpreter"):
        ask(server, python="/opt/none")


@pytest.mark.parametrize("python", ["/usr/bin/env python3", "/usr/bin/python3 -u", "python3"])
def test_a_python_may_have_arguments(server: ShellServer, python: str) -> None:
    must_answer(server, python=python)


@pytest.mark.parametrize(
    ("signal", "what"), [("KILL", "perhaps because it ran out of memory"), ("SEGV", "exit 139")]
)
def test_an_agent_that_is_killed_is_told_from_one_that_did_not_start(
    server: ShellServer, signal: str, what: str
) -> None:
    python = server.program("python", f"#!/bin/sh\necho $4:began\nkill -{signal} $$\n")
    with pytest.raises(Failed, match=what) as error:
        ask(server, python=str(python))
    assert "run again" in error.value.remedy


def test_an_answer_that_is_cut_off_is_not_quoted(server: ShellServer) -> None:
    python = server.program("python", "#!/bin/sh\necho $4:began\necho $4:answer:500\necho part\n")
    with pytest.raises(Failed, match="was cut off") as error:
        ask(server, python=str(python))
    assert "part" not in str(error.value)


def test_a_second_try_to_install_python_forgets_nothing_of_the_first(tmp_path: Path) -> None:
    """The first was cut off half-way: apt then names fewer packages as new."""
    programs, memory = tmp_path / "bin", tmp_path / "var/lib/banstitch"
    programs.mkdir()
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    memory.parent.mkdir(parents=True)
    apt = programs / "apt-get"
    for brings in ("Inst libpython3 (3.11)\nInst python3 (3.11)", "Conf python3 (3.11)"):
        apt.write_text(f"#!/bin/sh\necho {shlex.quote(brings)}\n")
        apt.chmod(0o755)
        script = bootstrap.script(root=str(tmp_path))
        environment = {"PATH": f"{programs}:/usr/bin:/bin"}
        subprocess.run(["sh", "-c", script], env=environment, check=True, capture_output=True)
    assert (memory / "bootstrap").read_text().split() == ["libpython3", "python3"]


def test_another_system_without_python_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    name = re.findall(r'^PRETTY_NAME="?([^"\n]+)', Path("/etc/os-release").read_text(), re.M)[0]
    script = bootstrap.script(root=str(tmp_path))
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"this host ({name}) does not run both systemd and apt" in done.stdout
    assert list(tmp_path.iterdir()) == []
