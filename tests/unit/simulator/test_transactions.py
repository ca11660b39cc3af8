"""Transactions, locks, saving, fabric and questions of a simulated unit."""

import pytest

from tests.simulator import Options, Simulator

ADDRESS = "config firewall address\nedit {}\nset comment {}\nend\n"


def type_in(console: object, *lines: str) -> str:
    text = "".join(f"{line}\n" for line in lines)
    return str(console.type(text.encode()).decode())  # type: ignore[attr-defined]


@pytest.fixture
def unit() -> Simulator:
    """A unit with an address `net`."""
    made = Simulator(Options(hostname="HOST", enc_stable=True))
    made.run(ADDRESS.format("net", "first"))
    return made


def test_what_one_transaction_edits_is_locked_for_everybody_else(unit: Simulator) -> None:
    first, second = unit.console(), unit.console()
    type_in(first, "execute config-transaction start", ADDRESS.format("net", "mine"))
    refused = type_in(second, "config firewall address", "edit net")
    assert "is being configured in another transaction (id=1)" in refused
    assert refused.endswith("HOST (address) # ")
    assert "another transaction" in type_in(second, "delete net")
    assert "another transaction" not in type_in(second, "edit other", "end")
    type_in(first, "execute config-transaction commit")
    assert "another" not in type_in(second, ADDRESS.format("net", "theirs"))
    assert 'set comment "theirs"' in unit.show()


def test_two_transactions_on_different_objects_of_one_table_both_come_through(
    unit: Simulator,
) -> None:
    first, second = unit.console(), unit.console()
    for console, name in ((first, "one"), (second, "two")):
        type_in(console, "execute config-transaction start", ADDRESS.format(name, name))
    type_in(first, "execute config-transaction commit")
    type_in(second, "config firewall address", "delete net", "end")
    type_in(second, "execute config-transaction commit")
    shown = unit.run("show firewall address")
    assert 'edit "one"' in shown
    assert 'edit "two"' in shown
    assert 'edit "net"' not in shown


def test_a_single_object_is_locked_too(unit: Simulator) -> None:
    first, second = unit.console(), unit.console()
    type_in(first, "execute config-transaction start", "config vpn ssl settings", "end")
    assert "another transaction" in type_in(second, "config vpn ssl settings")


@pytest.mark.parametrize("survives", [False, True])
def test_the_transaction_of_a_session_that_went_away_is_dropped_or_idles_out(
    survives: bool,
) -> None:
    unit = Simulator(Options(transaction_survives=survives))
    before = unit.run("show firewall address")
    console = unit.console()
    type_in(console, "execute config-transaction start", ADDRESS.format("net", "lost"))
    mine = console.session.transaction
    assert mine is not None
    console.session.leave()
    edit = "config firewall address\nedit net"
    assert ("another transaction" in unit.run(edit)) is survives
    mine.last -= 301
    assert "another transaction" not in unit.run(edit)
    assert unit.run("show firewall address") == before


def test_saving_by_hand_keeps_what_was_saved_and_a_reload_drops_the_rest(unit: Simulator) -> None:
    unit.run("config system global\nset cfg-save manual\nend\nexecute cfg save")
    unit.run(ADDRESS.format("kept", "x") + "execute cfg save\n")
    assert not unit.unsaved
    unit.run(ADDRESS.format("lost", "x"))
    assert unit.unsaved
    console = unit.console()
    type_in(console, "execute cfg reload")
    assert console.closed
    assert 'edit "kept"' in unit.show()
    assert 'edit "lost"' not in unit.show()


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
    unit = Simulator(Options(questions={"^delete": question}))
    unit.run(ADDRESS.format("net", "x"))
    console = unit.console()
    assert type_in(console, "config firewall address", "delete net").endswith(question)
    console.type(b"n")
    assert 'edit "net"' in unit.show()
    console.type(b"delete net\n")
    console.type(b"y")
    assert 'edit "net"' not in unit.show()


def test_logged_events_are_displayed_by_the_filter_of_the_session() -> None:
    unit = Simulator()
    for number in ("0101039426", "0100032002"):
        unit.log_event(f'date=2026-11-22 logid="{number}" type="event" user="x"')
    shown = unit.run(
        "execute log filter reset\nexecute log filter category event\n"
        "execute log filter field logid 0101039426\nexecute log display"
    )
    assert "1 logs found.\r\n1 logs returned.\r\n\r\n1: date=2026-11-22 logid=" in shown
    assert "0100032002" not in shown
    assert "2 logs found." in unit.run("execute log display")


def test_a_member_of_a_zone_is_not_used_on_its_own() -> None:
    unit = Simulator()
    unit.run("config system zone\nedit z\nset interface port1\nend")
    shown = unit.run("config firewall policy\nedit 9\nset srcintf port1")
    assert "node_check_object fail! for name port1" in shown
    assert "Command fail. Return code -651" in shown
    assert "fail" not in unit.run("config firewall policy\nedit 9\nset srcintf z")


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
    unit = Simulator(Options(version=version, model=model))
    shown = unit.run("show vpn ssl settings")
    assert ("Command fail. Return code -61" not in shown) is there


@pytest.mark.parametrize(("version", "there"), [("7.6.0", False), ("7.6.1", True)])
def test_a_factory_local_in_policy_ships_with_7_6_1(version: str, there: bool) -> None:
    unit = Simulator(Options(version=version))
    assert ("Malicious" in unit.run("show firewall local-in-policy")) is there
