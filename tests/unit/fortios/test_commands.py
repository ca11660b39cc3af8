"""Only commands and lines of a closed table of forms are typed on a FortiGate."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.errors import Failed
from provision.fortios.config.text import forti_quote, list_lines, make_key, parse
from provision.fortios.session.batches import Line
from provision.fortios.session.command_line import CommandLine, Refused
from provision.fortios.session.commands import check_change, check_look
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.simulator import Simulator
from tests.unit.fortios.fortios_wire import Wire
from tests.unit.fortios.sample_cli import ALL

# an id, as in a forged record, with line ends in its path
INJECTED = (
    'system status\nconfig system admin\nedit "evil"\nset accprofile "super_admin"\nnext\nend'
)

LOOKS = [
    "get system status",
    "get system ha status",
    "show system central-management",
    "sudo global show system central-management",
    "sudo global get system csf",
    "get system global | grep cfg-save",
    "sudo global show system vdom-property",
    "show vpn ssl settings",
    "show firewall policy 7",
    "diagnose sys external-resource stats",
    'sudo global diagnose sys external-address-resource list "g-banstitch_feed"',
    'sudo root show system automation-trigger "a?b=1 \\"x\\" naïve 日本"',
]
NO_LOOKS = [
    "",
    "end",
    "execute reboot",
    "execute config-transaction start 2",
    "config system admin",
    "get system admin",
    "diagnose sys kill 9 1",
    "diagnose sys external-resource stats 1",
    'diagnose sys external-address-resource list "theirs"',
    'diagnose sys external-address-resource list "banstitch_feed" "x"',
    "show",
    "show system admin | grep x",
    "show system admin; execute reboot",
    "show system admin\x1b[A",
    "show system admin\u202e",
    "show system admin\u2028x",
    "show firewall policy 7\n",
    "sudo global execute reboot",
    "sudo a b show system admin",
    "sudo global\n show system admin",
    'show system admin "x" "y"',
    'show system admin "x',
    'show system admin "x\nexecute reboot"',
    "show " + "a" * 600,
    f"show {INJECTED}",
]


@pytest.mark.parametrize("command", LOOKS)
def test_a_looking_command_may_be_typed(command: str) -> None:
    check_look(command)


@pytest.mark.parametrize("command", NO_LOOKS)
def test_no_other_command_may_be_typed_to_look(command: str) -> None:
    with pytest.raises(ValueError, match="read-only"):
        check_look(command)


@given(st.text(max_size=40))
def test_an_argument_of_show_never_ends_the_line(text: str) -> None:
    for command in (f"show {text}", f"show system admin {text}", f"sudo {text} show system admin"):
        try:
            check_look(command)
        except ValueError:
            continue
        assert command.isprintable()
        assert len(command.splitlines()) == 1


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp", "Zs", "Co", "Cn"])))
def test_every_printable_name_can_be_asked_for(name: str) -> None:
    command = f"show system automation-trigger {make_key(name[:60]).raw}"
    check_look(command)


@pytest.mark.parametrize("text", ALL)
def test_every_line_of_a_template_may_be_typed(text: str) -> None:
    for line in list_lines(parse(text)):
        check_change(line)


@pytest.mark.parametrize(
    "line",
    [
        "config global",
        "config vdom",
        "edit root",
        "abort",
        "end",
        "next",
        "purge",
        'delete "a b"',
        "move 3 before 1",
        "execute config-transaction start 2",
        "execute config-transaction commit",
        "execute config-transaction abort",
        "execute cfg save",
        "sudo global execute cfg save",
        'set http-body "one\n  two\n\nend\n> three"',
        'set script "execute update-external-resource banstitch_feed"',
        'set script "config global\nexecute update-external-resource g-banstitch_feed\nend"',
        "unset script",
    ],
)
def test_a_changing_line_may_be_typed(line: str) -> None:
    check_change(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        " ",
        "execute reboot",
        "execute config-transaction start 2\nexecute reboot",
        "execute cfg save\n",
        "end\n",
        "end\nexecute reboot",
        "next end",
        "edit",
        "edit a b",
        "config",
        "config system admin\n",
        'config "system" admin',
        "set status enable\nexecute factoryreset",
        "set status enable\\\nexecute factoryreset",
        'set a "b',
        "set  a b",
        " set a b",
        "# a comment",
        "diagnose sys kill 9 1",
        "show system admin",
        'set script "execute reboot"',
        'set "script" "execute reboot"',
        'set script "execute update-external-resource theirs"',
        'set script "execute update-external-resource banstitch_feed\nexecute reboot"',
        'append script "execute reboot"',
        'set scr "execute reboot"',
        "set a " + "b" * 70000,
    ],
)
def test_no_other_line_may_be_typed_to_change_something(line: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        check_change(line)


@given(st.text(max_size=40))
def test_a_quoted_value_stays_one_line(value: str) -> None:
    try:
        quoted = forti_quote(value, multiline=True)
    except ValueError:
        return
    check_change(f"set comment {quoted}")


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[CommandLine, Simulator]:
    """Return a session and the FortiGate at its other end."""
    wire = Wire(monkeypatch)
    access = Access(tmp_path / "known", accept_new=True)
    return CommandLine(Login("fgt", "127.0.0.1", "admin"), access), wire.fortigate


@pytest.mark.parametrize("command", NO_LOOKS)
def test_a_session_sends_nothing_if_one_command_is_not_in_the_table(
    talk: tuple[CommandLine, Simulator], command: str
) -> None:
    session, fortigate = talk
    with pytest.raises(Failed, match="never sent"):
        session.read(["get system status", command])
    with pytest.raises(Failed, match="never sent"):
        session.read_in_scope([Line("", "config global")], [command])
    assert len(fortigate.journal) == 0


@pytest.mark.parametrize("behind", [(), (Line("x", "end"),)])
def test_a_session_never_sends_a_line_that_holds_two(
    talk: tuple[CommandLine, Simulator], behind: tuple[Line, ...]
) -> None:
    session, fortigate = talk
    with pytest.raises(Refused, match="never sent"):
        session.write([Line("x", INJECTED), *behind])
    assert fortigate.journal.changing() == []
    assert not [line for line in fortigate.journal if "evil" in line.text]
