"""What stands between a login and the agent: shells that print, sudo, Python. Real SSH and real programs.

What needs root or other packages is in tests/e2e/test_login_shells.py and test_sudo.py.
"""

from __future__ import annotations

import shlex

import pytest

from provision.errors import Failed, TargetError, Unreachable
from provision.linux.session import launch, session
from provision.linux.session.agent_code import pack_agent
from tests.unit.linux.agent_login import ANSWERED, ask, check_agent_answers, log_in
from tests.unit.linux.linux_model import Unknown
from tests.unit.ssh.shell_server import ShellServer

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
    check_agent_answers(server)


def test_a_program_that_stays_does_not_hold_up_an_error(server: ShellServer) -> None:
    server.shell = ("/bin/bash", "-c", "sleep 30 & exit 3")
    with pytest.raises(TargetError, match="exit 3"):
        ask(server)


def test_an_answer_is_read_through_a_wrapper_that_records_the_session(server: ShellServer) -> None:
    server.shell = ("/bin/sh", "-c", 'exec script -q -c "$1" /dev/null', "sh")
    check_agent_answers(server)


def test_the_command_line_has_nothing_that_a_shell_could_take_for_something_else() -> None:
    for become, password in ((False, False), (True, False), (True, True)):
        line = launch.build_command(launch.new_marker(), become, password)
        outside = line.split("'")[::2]
        assert len(line.split("'")) == 3
        assert not set("\n!\\") & set(line)
        assert not set('$`"*?[]{}~#&|;<>()^%@') & set("".join(outside))
        assert max(map(len, line.split("'"))) < 500


def test_the_agent_is_packed_once_for_all_hosts() -> None:
    assert pack_agent() is pack_agent()


def test_what_follows_on_standard_input_fits_the_lines_of_a_terminal() -> None:
    marker = launch.new_marker()
    python = "/opt/" + "x" * 990
    sent = launch.build_input(marker, [python], pack_agent(), b"{}" * 5000)
    for line in (sent + launch.install_python(marker)).splitlines():
        assert len(line) < 4095
        assert all(32 <= byte < 127 for byte in line)


def test_a_server_that_opens_no_session_is_named_and_nothing_is_left_to_finish(
    server: ShellServer,
) -> None:
    server.full = True
    with pytest.raises(Unreachable, match="opens no session for joe") as error:
        ask(server)
    assert error.value.remedy == "check MaxSessions in its sshd_config"


def test_a_second_request_waits_until_the_program_of_the_first_has_ended(
    server: ShellServer,
) -> None:
    """With MaxSessions 1, sshd opens no session before."""
    with log_in(server) as host:
        for _ in range(2):
            with pytest.raises(Failed, match=ANSWERED):
                host.ask(Unknown())
            server.busy = 3
    assert len(server.commands) == 2


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
        ('exec >/dev/null 2>&1; eval "$1"', "no output of programs"),
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


@pytest.mark.parametrize(
    ("signal", "what"), [("KILL", "perhaps because it ran out of memory"), ("SEGV", "exit 139")]
)
def test_an_agent_that_is_killed_is_distinguished_from_one_that_did_not_start(
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
