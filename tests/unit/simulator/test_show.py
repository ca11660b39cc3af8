"""The simulator's output of `show`: defaults, secrets, filters, quoting."""

from hypothesis import given
from hypothesis import strategies as st

from tests.simulator import Options, Simulator
from tests.simulator.text import quote, split


def test_show_hides_defaults_and_full_configuration_shows_them(fortigate: Simulator) -> None:
    fortigate.run(
        "config system external-resource\nedit f\nset type address\nset refresh-rate 5\n"
        "set resource http://127.0.0.1/f\nend"
    )
    assert "refresh-rate" not in fortigate.run("show system external-resource f")
    full = fortigate.run("show full-configuration system external-resource f")
    assert "set refresh-rate 5" in full
    assert "set comments ''" in full
    assert "set status enable" in full


def test_a_secret_is_shown_as_a_blob_that_differs_every_time() -> None:
    fortigate = Simulator(Options())
    fortigate.run(
        "config system external-resource\nedit f\nset resource http://x/\nset username u\n"
        "set password s3cret\nend"
    )
    first, second = fortigate.run("show system external-resource f"), fortigate.run("sh sys ext f")
    assert "s3cret" not in first
    assert "set password ENC " in first
    assert first.split("ENC ")[1].split()[0] not in second


def test_a_blob_that_was_read_can_be_set_again() -> None:
    fortigate = Simulator(Options())
    make = "config system external-resource\nedit f\nset resource http://x/\nset password "
    fortigate.run(make + "s3cret\nend")
    blob = fortigate.run("show system external-resource f").split("ENC ")[1].split()[0]
    fortigate.run(make + f"ENC {blob}\nend")
    found = fortigate.config.find("system external-resource", "f", "")
    assert found is not None
    assert found.texts("password") == ("ENC", "s3cret")


def test_an_empty_table_is_shown_as_config_and_end(fortigate: Simulator) -> None:
    shown = fortigate.run("show system external-resource")
    assert "\r\nconfig system external-resource\r\nend\r\n\r\n" in shown


def test_deleting_a_new_object_restores_the_same_text(fortigate: Simulator) -> None:
    before = fortigate.show()
    fortigate.run(
        "config system automation-trigger\nedit t\nset event-type event-log\nend\n"
        "config vpn ssl settings\nset source-address all\nset source-address-negate enable\n"
        "end\n"
    )
    assert fortigate.show() != before
    fortigate.run(
        "config system automation-trigger\ndelete t\nend\n"
        "config vpn ssl settings\nunset source-address\nunset source-address-negate\nend\n"
    )
    assert fortigate.show() == before


def test_grep_filters_and_shows_enclosing_blocks(fortigate: Simulator) -> None:
    assert "HOST" in fortigate.run("show system global | grep -i HOSTNAME")
    shown = fortigate.run("show system interface | grep -f LAN")
    assert 'edit "port2"' in shown
    assert 'set alias "LAN" <---' in shown
    assert 'edit "port1"' not in shown


@given(st.text(st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"])))
def test_a_quoted_value_is_read_back_as_it_was(value: str) -> None:
    cut = split(quote(value))
    assert cut.open == ""
    assert [word.text for word in cut.words] == [value]
