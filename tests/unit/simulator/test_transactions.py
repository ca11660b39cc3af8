"""Transactions, locks, saving, fabric and questions of a simulated FortiGate."""

import pytest

from tests.simulator import Options, Simulator

ADDRESS = "config firewall address\nedit {}\nset comment {}\nend\n"


def type_in(console: object, *lines: str) -> str:
    text = "".join(f"{line}\n" for line in lines)
    return str(console.type(text.encode()).decode())  # type: ignore[attr-defined]


@pytest.fixture
def fortigate() -> Simulator:
    """A FortiGate with an address `net`."""
    made = Simulator(Options(hostname="HOST", enc_stable=True))
    made.run(ADDRESS.format("net", "first"))
    return made


def test_what_one_transaction_edits_is_locked_for_everybody_else(fortigate: Simulator) -> None:
    first, second = fortigate.console(), fortigate.console()
    type_in(first, "execute config-transaction start", ADDRESS.format("net", "mine"))
    refused = type_in(second, "config firewall address", "edit net")
    assert "is being configured in another transaction (id=1)" in refused
    assert refused.endswith("HOST (address) # ")
    assert "another transaction" in type_in(second, "delete net")
    assert "another transaction" not in type_in(second, "edit other", "end")
    type_in(first, "execute config-transaction commit")
    assert "another" not in type_in(second, ADDRESS.format("net", "theirs"))
    assert 'set comment "theirs"' in fortigate.show()


def test_two_transactions_on_different_objects_of_one_table_both_come_through(
    fortigate: Simulator,
) -> None:
    first, second = fortigate.console(), fortigate.console()
    for console, name in ((first, "one"), (second, "two")):
        type_in(console, "execute config-transaction start", ADDRESS.format(name, name))
    type_in(first, "execute config-transaction commit")
    type_in(second, "config firewall address", "delete net", "end")
    type_in(second, "execute config-transaction commit")
    shown = fortigate.run("show firewall address")
    assert 'edit "one"' in shown
    assert 'edit "two"' in shown
    assert 'edit "net"' not in shown


def test_a_single_object_is_locked_too(fortigate: Simulator) -> None:
    first, second = fortigate.console(), fortigate.console()
    type_in(first, "execute config-transaction start", "config vpn ssl settings", "end")
    assert "another transaction" in type_in(second, "config vpn ssl settings")


@pytest.mark.parametrize("survives", [False, True])
def test_the_transaction_of_a_session_that_went_away_is_dropped_or_idles_out(
    survives: bool,
) -> None:
    fortigate = Simulator(Options(transaction_survives=survives))
    before = fortigate.run("show firewall address")
    console = fortigate.console()
    type_in(console, "execute config-transaction start", ADDRESS.format("net", "lost"))
    mine = console.session.transaction
    assert mine is not None
    console.session.leave()
    edit = "config firewall address\nedit net"
    assert ("another transaction" in fortigate.run(edit)) is survives
    mine.last -= 301
    assert "another transaction" not in fortigate.run(edit)
    assert fortigate.run("show firewall address") == before


def test_saving_by_hand_keeps_what_was_saved_and_a_reload_drops_the_rest(
    fortigate: Simulator,
) -> None:
    fortigate.run("config system global\nset cfg-save manual\nend\nexecute cfg save")
    fortigate.run(ADDRESS.format("kept", "x") + "execute cfg save\n")
    assert not fortigate.unsaved
    fortigate.run(ADDRESS.format("lost", "x"))
    assert fortigate.unsaved
    console = fortigate.console()
    type_in(console, "execute cfg reload")
    assert console.closed
    assert 'edit "kept"' in fortigate.show()
    assert 'edit "lost"' not in fortigate.show()


@pytest.mark.parametrize("version", ["6.4.15", "7.4.8"])
def test_a_member_of_a_fabric_leaves_its_stitches_to_the_root(version: str) -> None:
    edit = "config system automation-trigger\nedit t\nset event-type event-log\nset logid 1\nend"
    member = Simulator(Options(version=version, fabric="member"))
    assert "Command fail" in member.run(edit)
    assert 'edit "t"' not in member.show()
    assert "status              : enable" in member.run("get system csf")
    assert "192.0.2.250" in member.run("get system csf")
    assert "Command fail" not in member.run(ADDRESS.format("net", "x"))
    root = Simulator(Options(version=version, fabric="root"))
    assert "Command fail" not in root.run(edit)
    assert "192.0.2.250" not in root.run("get system csf")


def test_a_question_before_a_line_is_answered_with_one_key() -> None:
    question = "Do you want to continue? (y/n)"
    fortigate = Simulator(Options(questions={"^delete": question}))
    fortigate.run(ADDRESS.format("net", "x"))
    console = fortigate.console()
    assert type_in(console, "config firewall address", "delete net").endswith(question)
    console.type(b"n")
    assert 'edit "net"' in fortigate.show()
    console.type(b"delete net\n")
    console.type(b"y")
    assert 'edit "net"' not in fortigate.show()


def test_logged_events_are_displayed_by_the_filter_of_the_session() -> None:
    fortigate = Simulator()
    for number in ("0101039426", "0100032002"):
        fortigate.log_event(f'date=2026-11-22 logid="{number}" type="event" user="x"')
    shown = fortigate.run(
        "execute log filter reset\nexecute log filter category event\n"
        "execute log filter field logid 0101039426\nexecute log display"
    )
    assert "1 logs found.\r\n1 logs returned.\r\n\r\n1: date=2026-11-22 logid=" in shown
    assert "0100032002" not in shown
    assert "2 logs found." in fortigate.run("execute log display")


def test_a_member_of_a_zone_cannot_be_used_alone() -> None:
    fortigate = Simulator()
    fortigate.run("config system zone\nedit z\nset interface port1\nend")
    shown = fortigate.run("config firewall policy\nedit 9\nset srcintf port1")
    assert "node_check_object fail! for name port1" in shown
    assert "Command fail. Return code -651" in shown
    assert "fail" not in fortigate.run("config firewall policy\nedit 9\nset srcintf z")


@pytest.mark.parametrize(
    ("version", "model", "there"),
    [
        ("7.4.8", "FortiGate-60F", True),
        ("7.6.2", "FortiGate-60F", False),
        ("7.6.2", "FortiGate-VM64-KVM", True),
        ("8.0.0", "FortiGate-60F", False),
    ],
)
def test_a_small_model_has_no_ssl_vpn_from_7_6_on(version: str, model: str, there: bool) -> None:
    fortigate = Simulator(Options(version=version, model=model))
    shown = fortigate.run("show vpn ssl settings")
    assert ("Command fail. Return code -61" not in shown) is there


@pytest.mark.parametrize(("version", "there"), [("7.6.0", False), ("7.6.1", True)])
def test_a_factory_local_in_policy_ships_with_7_6_1(version: str, there: bool) -> None:
    fortigate = Simulator(Options(version=version))
    assert ("Malicious" in fortigate.run("show firewall local-in-policy")) is there
