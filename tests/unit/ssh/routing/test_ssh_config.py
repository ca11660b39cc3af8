"""OpenSSH's configuration files, with `ssh -G` as the oracle."""

from __future__ import annotations

import getpass
import subprocess
from pathlib import Path

import pytest

from provision.errors import InputError
from provision.ssh.login import Login
from provision.ssh.routing.routes import complete_login, read_port
from provision.ssh.routing.ssh_config import Config, Configs, Options

CONFIG = """
# a comment
Host plain
    HostName 192.0.2.1
    Port 2222
    User joe
    IdentityFile /keys/one
    IdentityFile /keys/two
Host=equals
  hostname=192.0.2.2
  PORT = 2223
Host *.example.org !secret.example.org
    User of-example
    ProxyJump b1.example.net:2022,joe@b2
Host secret.example.org
    ProxyCommand nc -X connect %h %p # not a comment
Host "quoted name" quoted
    User "someone"
Host ten ?leven
    HostName %h.example.com
    IdentitiesOnly yes
    HostKeyAlias alias-of-%h
Match originalhost matched user joe
    Port 1
Match host 192.0.2.9
    Port 9
Host nine
    HostName 192.0.2.9
Match originalhost !plain,never-* user root
    Port 3
Host both
    ProxyJump none
Host both
    ProxyJump b1
Host command-first
    ProxyCommand nc %h %p
    ProxyJump b1
Host jump-first
    ProxyJump b1
    ProxyCommand nc %h %p
Host plain
    Port 4
    IdentityFile /keys/three
Match all
    ServerAliveInterval 7
Host last-*
    User of-last
Include INCLUDED
Host after-include
    Port 12
"""
INCLUDED = """
User everybody
Host in-include
    Port 11
"""
HOSTS = [
    *("plain", "equals", "www.example.org", "secret.example.org", "quoted", "ten", "eleven"),
    *("matched", "nine", "192.0.2.9", "both", "command-first", "jump-first", "last-one", "x"),
    *("in-include", "after-include", "PLAIN"),
]
COMPARED = (
    *("hostname", "user", "port", "proxyjump", "proxycommand", "identitiesonly", "hostkeyalias"),
)


def ask_openssh(file: Path, host: str, *arguments: str) -> dict[str, list[str]]:
    """Return the options of OpenSSH's client."""
    argv = ["ssh", "-G", "-F", str(file), *arguments, host]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        keyword, _, value = line.partition(" ")
        found.setdefault(keyword, []).append(value)
    return found


def look_up(file: Path, host: str) -> Options:
    options = Options()
    Config(file, required=True).look_up(host, options)
    return options


def complete(host: str, text: str, tmp_path: Path) -> Login:
    """Return the login of ``host`` with a configuration file of this text."""
    (tmp_path / "config").write_text(text)
    configs = Configs().find(str(tmp_path / "config"))
    options = Options()
    for config in configs:
        config.look_up(host, options)
    port = options.settings.get("port")
    login = Login(host, host, options.get("user", "joe"), read_port(port) if port else 22)
    return complete_login(login, options, configs)


@pytest.mark.parametrize("host", HOSTS)
def test_each_option_has_the_value_that_it_has_for_openssh(host: str, tmp_path: Path) -> None:
    included = tmp_path / "included"
    included.write_text(INCLUDED)
    file = tmp_path / "config"
    file.write_text(CONFIG.replace("INCLUDED", str(tmp_path / "incl*")))
    theirs, ours = ask_openssh(file, host), look_up(file, host)
    defaults = {"hostname": host.lower(), "user": getpass.getuser(), "port": "22"}
    defaults |= {"identitiesonly": "no"}
    for keyword in COMPARED:
        value = ours.get(keyword, defaults.get(keyword, ""))
        if keyword == "hostname":
            value = value.replace("%h", host)
        expected = theirs.get(keyword, [""])[0]
        assert (keyword, value if value != "none" else "") == (keyword, expected)
    files = [each.value for each in ours.identity_files]
    assert not files or files == theirs["identityfile"]


def test_a_file_in_a_block_that_does_not_match_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "included").write_text("Host x\n  Port 5\nHost *\n  Port 6\n")
    file = tmp_path / "config"
    file.write_text(f"Host y\n  Include {tmp_path}/included\nHost *\n  User u\n")
    for host in ("x", "y", "z"):
        theirs = ask_openssh(file, host)
        assert look_up(file, host).get("port", "22") == theirs["port"][0]


def test_names_in_the_operators_own_file_start_at_the_home(home: Path) -> None:
    (home / ".ssh" / "config").write_text("Include more\nHost h\n  IdentityFile ~/.ssh/key_%r\n")
    (home / ".ssh" / "more").write_text("Port 77\n")
    own, _ = Configs().find()
    options = Options()
    own.look_up("h", options)
    login = complete_login(Login("h", "h", "joe"), options, [own])
    assert options.get("port") == "77"
    assert login.identity_files == (str(home / ".ssh" / "key_joe"),)


def test_files_that_include_each_other_end(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(f"Include {file}\nPort 5\n")
    config = Config(file)
    assert any("include each other" in str(each) for each in config.warnings)
    assert look_up(file, "x").get("port") == "5"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "Match exec true\n  Port 5",
            "config:1: Match exec is not supported; the block is skipped",
        ),
        ('User "open', "config:1: a quote is not closed; line skipped"),
        ("Port", "config:1: the option has no value; line skipped"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    config = Config(file)
    assert [str(each).rpartition("/")[2] for each in config.warnings] == [told]
    assert look_up(file, "x").get("port") == ""


def test_the_jump_hosts_of_a_host_have_options_of_their_own(tmp_path: Path) -> None:
    login = complete(
        "target",
        """
        Host target
          ProxyJump first,someone@second:2200
          User of-target
          IdentityFile /keys/target
        Host first
          HostName 192.0.2.1
          User of-first
          Port 2022
          IdentityFile /keys/first
        Host second
          User ignored
          ProxyJump ignored
        """,
        tmp_path,
    )
    assert login.identity_files == ("/keys/target",)
    second = login.via
    assert second
    assert (second.where, second.identity_files) == ("jump host second (someone@second:2200)", ())
    first = second.via
    assert first
    assert first.where == "jump host first (of-first@192.0.2.1:2022)"
    assert (first.identity_files, first.via) == (("/keys/first",), None)


def test_a_jump_host_may_be_behind_another_or_behind_a_command(tmp_path: Path) -> None:
    text = "Host target\n ProxyJump b1\nHost b1\n ProxyJump b2\nHost b2\n ProxyCommand nc %h %p\n"
    login = complete("target", text, tmp_path)
    assert login.via
    assert login.via.via
    assert login.via.via.address == "b2"
    assert login.via.via.proxy_command == "nc %h %p"


def test_jump_hosts_are_written_as_for_openssh(tmp_path: Path) -> None:
    text = "Host t\n ProxyJump ssh://joe@[2001:db8::1]:2200,[2001:db8::2]\n"
    second = complete("t", text, tmp_path).via
    assert second
    assert second.via
    assert second.where.startswith(f"jump host 2001:db8::2 ({getpass.getuser()}@[2001:db8::2]:22)")
    assert second.via.where == "jump host 2001:db8::1 (joe@[2001:db8::1]:2200)"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Host *\n ProxyJump b1", "config:2: the jump host b1 is reached through itself"),
        ("Host t b2\n ProxyJump b1\nHost b1\n ProxyJump b2", "is reached through itself"),
        ("ProxyJump b1:b2:b3", "config:1: ProxyJump must name jump hosts"),
        ("Port 99999", "config:1: Port must be a TCP port"),
        ("ProxyCommand nc %z", "config:1: ProxyCommand: %z is not available here"),
        ("IdentityFile /keys/%Q", "config:1: IdentityFile: %Q is not available here"),
        ("IdentityFile ${NOWHERE_SET}/k", "the environment variable NOWHERE_SET is not set"),
    ],
)
def test_an_option_that_cannot_be_used_is_an_error(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        complete("t", text, tmp_path)
    assert told in str(caught.value)


def test_a_jump_host_for_all_hosts_is_not_for_itself(tmp_path: Path) -> None:
    text = "Host b1\n ProxyJump none\nHost *\n ProxyJump b1\n"
    login = complete("t", text, tmp_path)
    assert login.via
    assert login.via.via is None
