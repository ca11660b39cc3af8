"""The simulator's transactions and batches of one session."""

from tests.simulator import Options, Simulator


def test_a_transaction_is_live_only_after_its_commit(fortigate: Simulator) -> None:
    before = fortigate.show()
    console = fortigate.console()
    console.type(b"execute config-transaction start\nconfig firewall address\nedit a\nend\n")
    assert fortigate.show() == before
    console.type(b"execute config-transaction commit\n")
    assert 'edit "a"' in fortigate.show()
    console.type(b"exec config-transaction start\nconfig firewall address\nedit b\nend\n")
    console.type(b"execute config-transaction abort\n")
    assert 'edit "b"' not in fortigate.show()


def test_the_console_may_not_be_configured_inside_a_transaction(fortigate: Simulator) -> None:
    shown = fortigate.run("execute config-transaction start\nconfig system console")
    assert "Command fail. Return code -37" in shown


def test_an_idle_transaction_expires_and_everything_in_it_is_lost() -> None:
    fortigate = Simulator(Options(transaction_idle=300))
    console = fortigate.console()
    console.type(b"execute config-transaction start\nconfig firewall address\nedit lost\nend\n")
    transaction = console.session.transaction
    assert transaction is not None
    transaction.last -= 301
    assert b"config transaction id=1 has expired\r\n" in console.type(b"show system console\n")
    assert "Return code" in console.type(b"execute config-transaction commit\n").decode()
    assert "lost" not in fortigate.show()


def test_a_batch_runs_at_its_end_and_keeps_a_code_per_line(fortigate: Simulator) -> None:
    console = fortigate.console()
    console.type(b"execute batch start\nconfig firewall address\nedit a\nset nonsense 1\nend\n")
    assert 'edit "a"' not in fortigate.show()
    console.type(b"execute batch end\n")
    assert 'edit "a"' in fortigate.show()
    shown = console.type(b"execute batch lastlog\n").decode()
    assert "0: edit a\r\n-61: set nonsense 1\r\n0: end\r\n" in shown
