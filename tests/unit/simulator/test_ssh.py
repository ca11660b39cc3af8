"""The simulator over SSH: stock clients, its journal, its faults, its end."""

import shutil
import subprocess
import threading
from pathlib import Path

import paramiko
import pytest

from tests.simulator import Options, Simulator
from tests.unit.simulator.shell import open_shell, read_until


def test_many_lines_written_at_once_are_one_exchange() -> None:
    lines = "".join(f"config firewall address\nedit a{n}\nend\n" for n in range(100))
    with Simulator() as fortigate, open_shell(fortigate) as channel:
        read_until(channel, b"FGT-A # ")
        channel.sendall(lines.encode() + b"show system console\n")
        read_until(channel, b"config system console\r\nend\r\n\r\nFGT-A # ")
        assert fortigate.journal.exchanges() == 1
        assert len(fortigate.journal) == 301
        assert 'edit "a99"' in fortigate.show()


def test_answering_the_pager_counts_as_an_exchange() -> None:
    with Simulator(Options(console="more")) as fortigate, open_shell(fortigate, rows=24) as channel:
        read_until(channel, b"FGT-A # ")
        channel.sendall(b"get system status\n")
        read_until(channel, b"--More-- ")
        channel.sendall(b" ")
        read_until(channel, b"FGT-A # ")
        assert fortigate.journal.exchanges() == 2


def test_the_journal_distinguishes_reading_from_changing_lines() -> None:
    with Simulator(Options(vdoms=("Branch",))) as fortigate, open_shell(fortigate) as channel:
        read_until(channel, b"FGT-A # ")
        channel.sendall(
            b"config global\nshow system console\nend\nconfig vdom\nedit root\n"
            b"show vpn ssl settings\nget system console\nend\nconfig vdom\nedit Brnch\n"
            b"set x\nexecute cfg save\nexit\n"
        )
        while channel.recv(65536):
            pass
        assert [line.text for line in fortigate.journal.changing()] == [
            "edit Brnch",
            "set x",
            "execute cfg save",
        ]
        refused = [line for line in fortigate.journal if line.errors]
        assert [(line.context, line.text, line.errors) for line in refused][-1] == (
            "Brnch",
            "set x",
            ("Unknown action 0",),
        )


def test_a_session_that_is_cut_drops_its_pending_entry() -> None:
    with Simulator(Options(enc_stable=True)) as fortigate:
        before = fortigate.show()
        with open_shell(fortigate) as channel:
            read_until(channel, b"FGT-A # ")
            channel.sendall(b"config firewall address\nedit lost\n")
            read_until(channel, b"(lost) # ")
        assert fortigate.show() == before


def test_several_sessions_work_at_once_each_in_its_own_context() -> None:
    with Simulator() as fortigate, open_shell(fortigate) as one, open_shell(fortigate) as two:
        read_until(one, b"FGT-A # ")
        read_until(two, b"FGT-A # ")
        one.sendall(b"config firewall address\nedit a\n")
        read_until(one, b"(a) # ")
        two.sendall(b"config firewall address\nedit b\nend\n")
        read_until(two, b"FGT-A # ")
        one.sendall(b"end\n")
        read_until(one, b"end\r\r\n\r\nFGT-A # ")
        assert {'    edit "a"', '    edit "b"'} <= set(fortigate.show().splitlines())


def test_an_exec_channel_runs_lines_and_prints_prompts() -> None:
    with Simulator() as fortigate:
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(
            fortigate.address,
            fortigate.port,
            "admin",
            "fortinet",
            look_for_keys=False,
            allow_agent=False,
        )
        _, out, _ = client.exec_command("config firewall address\nedit x\nend\nget system console")
        text = out.read().decode()
        client.close()
        assert "FGT-A (address) # " in text
        assert "output              : more" in text
        assert 'edit "x"' in fortigate.show()


def test_a_wrong_password_is_refused() -> None:
    with (
        Simulator(Options(password="right")) as fortigate,
        pytest.raises(paramiko.AuthenticationException),
        open_shell(fortigate),
    ):
        pass


def test_openssh_connects_with_the_host_key_line(tmp_path: Path) -> None:
    ssh = shutil.which("ssh")
    assert ssh, "install openssh-client"
    with Simulator() as fortigate:
        known = tmp_path / "known_hosts"
        known.write_text(fortigate.host_key_line + "\n")
        askpass = tmp_path / "askpass"
        askpass.write_text("#!/bin/sh\necho fortinet\n")
        askpass.chmod(0o700)
        done = subprocess.run(
            [
                ssh,
                "-F",
                "none",
                "-p",
                str(fortigate.port),
                "-o",
                f"UserKnownHostsFile={known}",
                "-o",
                "StrictHostKeyChecking=yes",
                "-o",
                "PreferredAuthentications=password",
                f"admin@{fortigate.address}",
                "get system status",
            ],
            env={"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "PATH": "/usr/bin"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Hostname: FGT-A" in done.stdout, done.stderr


@pytest.mark.parametrize("kex", ["modern", "sha1"])
def test_the_key_exchange_can_be_old_or_modern_only(kex: str) -> None:
    with Simulator(Options(kex=kex)) as fortigate, open_shell(fortigate) as channel:
        assert read_until(channel, b"FGT-A # ")
        transport = channel.get_transport()
        assert transport.get_security_options().kex


def test_a_given_host_key_is_used_again() -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = (
        Ed25519PrivateKey.generate()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        .decode()
    )
    lines = []
    for _ in range(2):
        with Simulator(Options(host_key=key)) as fortigate:
            lines.append(fortigate.host_key_line.split(" ", 1)[1])
    assert lines[0] == lines[1]


def test_the_connection_can_be_cut_after_a_line_or_at_a_line() -> None:
    with Simulator() as fortigate:
        fortigate.faults.drop_after_line = 3
        with open_shell(fortigate) as channel:
            channel.sendall(b"config firewall address\nedit a\nnext\nedit b\nend\n")
            while channel.recv(65536):
                pass
        fortigate.faults.drop_at = "^edit d"
        with open_shell(fortigate) as channel:
            channel.sendall(b"config firewall address\nedit c\nnext\nedit d\nend\n")
            while channel.recv(65536):
                pass
        text = fortigate.show()
        made = [name for name in "abcd" if f'edit "{name}"' in text]
        assert made == ["a", "c"]


def test_a_line_can_be_answered_with_an_error_instead_of_being_obeyed() -> None:
    with Simulator() as fortigate, open_shell(fortigate) as channel:
        fortigate.faults.errors["^set comment"] = (
            "value parse error before 'x'\nCommand fail. Return code -1"
        )
        channel.sendall(b"config firewall address\nedit a\nset comment x\n")
        shown = read_until(channel, b"Command fail. Return code -1\r\n\r\nFGT-A (a) # ")
        assert b"value parse error before 'x'\r\n" in shown
        assert fortigate.journal.changing()[-1].errors


def test_nothing_is_left_when_the_fortigate_stops() -> None:
    before = set(threading.enumerate())
    # an address of its own, or another process may get the port in between
    fortigate = Simulator(Options(address="127.0.0.253", control_port=0)).start()
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        fortigate.address,
        fortigate.port,
        "admin",
        "fortinet",
        look_for_keys=False,
        allow_agent=False,
    )
    channel = client.invoke_shell()
    read_until(channel, b"FGT-A # ")
    port = fortigate.port
    fortigate.stop()
    client.close()
    left = [thread for thread in set(threading.enumerate()) - before if "fortios" in thread.name]
    assert left == []
    again = Simulator(Options(address="127.0.0.253", port=port)).start()
    again.stop()


def test_an_idle_session_ends_with_a_message() -> None:
    with Simulator(Options(idle_timeout=0.1)) as fortigate, open_shell(fortigate) as channel:
        assert read_until(channel, b"Timeout\r\n")
        assert channel.recv(1) == b""


def test_a_taken_port_is_an_error_that_leaves_nothing_behind() -> None:
    before = set(threading.enumerate())
    with Simulator() as fortigate:
        port = fortigate.port
        with pytest.raises(OSError, match="in use"):
            Simulator(Options(port=port, control_port=0)).start()
    assert {t for t in set(threading.enumerate()) - before if "fortios" in t.name} == set()


def test_a_fresh_fortigate_wants_a_new_password_before_anything_else() -> None:
    with Simulator(Options(new_password=True)) as fortigate:
        with open_shell(fortigate) as channel:
            asked = read_until(channel, b"New Password: ")
            assert asked.startswith(
                b"You are forced to change your password. Please input a new password.\r\n"
            )
            for typed in (b"one\n", b"two\n"):
                channel.sendall(typed)
                read_until(channel, b"Password: ")
            channel.sendall(b"Better-9\nBetter-9\n")
            assert b"Welcome!\r\n" in read_until(channel, b"FGT-A # ")
        with pytest.raises(paramiko.AuthenticationException), open_shell(fortigate):
            pass


def test_the_echo_can_be_wrapped_at_the_width_of_the_terminal() -> None:
    with Simulator(Options(echo_wrap="\r\n")) as fortigate, open_shell(fortigate) as channel:
        read_until(channel, b"FGT-A # ")
        channel.sendall(b"#" + 600 * b"x" + b"\n")
        echo = read_until(channel, b"FGT-A # ")
        assert echo.startswith(b"#" + (511 - len("FGT-A # ") - 1) * b"x" + b"\r\nxx")
