"""The simulator's objects: pending entries, references, error texts, quoting."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator import Options, Simulator
from tests.simulator.text import quote, split

ADDRESS = "config firewall address\nedit "


@pytest.fixture
def fortigate() -> Simulator:
    """A FortiGate that is not listening."""
    return Simulator(Options(hostname="HOST", enc_stable=True))


def test_next_saves_the_entry_and_stays_in_the_table(fortigate: Simulator) -> None:
    shown = fortigate.run(f"{ADDRESS}a\nset comment x\nnext")
    assert shown.endswith("HOST (address) # ")
    assert '    edit "a"\n' in fortigate.show()


def test_end_saves_the_entry_and_leaves_the_table(fortigate: Simulator) -> None:
    assert fortigate.run(f"{ADDRESS}a\nend").endswith("HOST # ")
    assert '    edit "a"\n' in fortigate.show()


def test_nothing_is_live_before_next_or_end(fortigate: Simulator) -> None:
    before = fortigate.show()
    fortigate.run(f"{ADDRESS}a\nset comment x")
    assert fortigate.show() == before


def test_abort_drops_the_entry_and_leaves(fortigate: Simulator) -> None:
    before = fortigate.show()
    assert fortigate.run(f"{ADDRESS}a\nset comment x\nabort").endswith("HOST # ")
    assert fortigate.show() == before


def test_a_refused_set_leaves_the_session_where_it_is_and_the_rest_is_saved(
    fortigate: Simulator,
) -> None:
    shown = fortigate.run(f"{ADDRESS}a\nset nonsense 1\nset comment kept\nend")
    assert "command parse error before 'nonsense'\r\nCommand fail. Return code -61" in shown
    assert 'set comment "kept"' in fortigate.show()


def test_a_refused_end_discards_the_object_and_falls_back_to_the_table(
    fortigate: Simulator,
) -> None:
    before = fortigate.show()
    shown = fortigate.run("config system external-resource\nedit f\nset type address\nend")
    assert "Attribute 'resource' MUST be set.\r\nCommand fail. Return code -56" in shown
    assert shown.endswith("HOST (external-resource) # ")
    assert fortigate.show() == before


def test_a_refused_next_discards_the_object_and_falls_back_to_the_table(
    fortigate: Simulator,
) -> None:
    before = fortigate.show()
    shown = fortigate.run("config system automation-stitch\nedit s\nnext")
    assert shown.endswith("HOST (automation-stitch) # ")
    assert fortigate.show() == before


def test_a_refused_config_leaves_the_lines_after_it_in_the_wrong_context(
    fortigate: Simulator,
) -> None:
    shown = fortigate.run(f"{ADDRESS}a\nconfig nothing\nedit 1\nset comment wrong\nend")
    assert "command parse error before 'nothing'" in shown
    assert "Unknown action 0" in shown
    assert 'set comment "wrong"' in fortigate.show()


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("emd", "Unknown action 0"),
        ("set hostname x", "Unknown action 0"),
        ("delete 1", "command parse error before 'delete'\r\n\r\nHOST # "),
        ("config psu", "command parse error before 'psu'\r\nCommand fail. Return code -61"),
        ("config system", "incomplete command in the end\r\nCommand fail. Return code -160"),
        ("show firewall address nope", "entry is not found in table"),
        ("config system global\nset", "incomplete command in the end"),
        ("config system global\nset alias", "incomplete command in the end"),
        (
            "config firewall policy\nedit unexist",
            "invalid unsigned integer value: unexist\r\n\r\nvalue parse error before 'unexist'\r\n"
            "Command fail. Return code -651",
        ),
        (
            "config system automation-stitch\nedit s\nset trigger none",
            "entry not found in datasource\r\n\r\nvalue parse error before 'none'\r\n"
            "Command fail. Return code -3",
        ),
        (
            "config firewall policy\nedit 1\nset srcaddr homeNetwork",
            "node_check_object fail! for name homeNetwork\r\n\r\n"
            "value parse error before 'homeNetwork'\r\nCommand fail. Return code -651",
        ),
        (
            "config firewall address\nedit a\nset subnet 1.1",
            "invalid ip address\r\n\r\nvalue parse error before '1.1'\r\n"
            "Command fail. Return code -8",
        ),
        (
            f"config firewall address\nedit a\nset comment {'x' * 734}",
            "string value is too long. the size is 734, the limit is 255\r\n\r\n"
            f"value parse error before '{'x' * 734}'\r\nCommand fail. Return code -1",
        ),
        ("config system automation-trigger\nedit a<b", "XSS"),
        ("config system automation-action\nedit a\nset uri x", "command parse error before 'uri'"),
        ("config firewall address\ndelete nope", "entry is not found in table"),
        ("show system global | wc", "command parse error before '|'"),
    ],
)
def test_a_mistake_gets_the_text_that_a_fortigate_gives(
    fortigate: Simulator, typed: str, answer: str
) -> None:
    assert answer in fortigate.run(typed)


def test_an_object_in_use_is_not_deleted(fortigate: Simulator) -> None:
    shown = fortigate.run("config system automation-action\ndelete 'Default Email'\nend")
    assert "The entry is used by other 2 entries\r\nCommand fail. Return code -23" in shown
    assert 'edit "Default Email"' in fortigate.show()


def test_a_full_table_refuses_another_entry() -> None:
    fortigate = Simulator(Options(table_limits={"firewall address": 3}))
    shown = fortigate.run(f"{ADDRESS}a\nend")
    assert "object set operator error, -4 discard the setting" in shown
    assert "Command fail. Return code -4 (reached the maximum number of entries" in shown


def test_a_second_policy_of_the_same_name_is_a_duplicate(fortigate: Simulator) -> None:
    policy = (
        'config firewall policy\nedit 0\nset name "LAN to Internet"\nset srcintf port1\n'
        "set dstintf port2\nset srcaddr all\nset dstaddr all\nset schedule always\n"
        "set service ALL\nend"
    )
    shown = fortigate.run(policy)
    assert "new entry '0' added" in shown
    assert "object set operator error, -15 discard the setting" in shown


def test_edit_zero_takes_the_next_number_and_move_puts_it_first(fortigate: Simulator) -> None:
    fortigate.run(
        "config firewall policy\nedit 0\nset name deny\nset srcintf any\nset dstintf any\n"
        "set srcaddr all\nset dstaddr all\nset schedule always\nset service ALL\nnext\n"
        "move 2 before 1\nend"
    )
    text = fortigate.run("show firewall policy")
    assert text.index("edit 2") < text.index("edit 1")
    assert "set action" not in text.split("next")[0]


def test_lists_are_replaced_appended_to_and_unselected(fortigate: Simulator) -> None:
    fortigate.run(
        "config vpn ssl settings\nset source-address all\nappend source-address none\nend"
    )
    assert 'set source-address "all" "none"' in fortigate.show()
    fortigate.run("config vpn ssl settings\nunselect source-address all\nend")
    assert 'set source-address "none"' in fortigate.show()
    fortigate.run("config vpn ssl settings\nunset source-address\nend")
    assert "source-address" not in fortigate.show()


def test_a_single_object_is_committed_as_a_whole_at_end(fortigate: Simulator) -> None:
    before = fortigate.show()
    fortigate.run(
        "config vpn ssl settings\nset source-address all\nset source-address-negate enable"
    )
    assert fortigate.show() == before


def test_rename_takes_the_references_along_and_clone_makes_a_copy(fortigate: Simulator) -> None:
    fortigate.run(
        'config system automation-trigger\nrename "Network Down" to Down\nclone Down to Other\nend'
    )
    text = fortigate.run("show system automation-stitch")
    assert 'set trigger "Down"' in text
    assert 'edit "Other"' in fortigate.show()


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


LOADED = """\
#config-version=X
config system global
    set hostname "OTHER"
    set strange-setting 12
end
config system replacemsg mail "email-block"
    set buffer "line one
line \\"two\\""
end
config log something
    edit 7
        set a "x y" z
        config deeper
            edit "k"
                set v 1
            next
        end
    next
end
config firewall address
    edit "all"
        set uuid 11111111-2222-51ef-0000-000000000002
    next
end
config empty table
end
"""


def test_a_loaded_file_is_shown_back_as_it_was_with_tables_beyond_the_schema() -> None:
    fortigate = Simulator(Options(config=LOADED))
    assert fortigate.show() == LOADED.partition("\n")[2]
    assert fortigate.run("").endswith("OTHER # ")


def test_a_long_loaded_file_comes_back_the_same() -> None:
    rows = "".join(
        f'    edit "host-{n}"\n        set comment "it\\\'s \\"{n}\\""\n'
        f"        set subnet 10.0.{n // 250}.{n % 250} 255.255.255.255\n    next\n"
        for n in range(1000)
    )
    text = f"config system unknown-thing\n{rows}end\nconfig firewall address\n{rows}end\n"
    assert Simulator(Options(config=text)).show() == text


def test_a_file_with_an_open_quote_is_refused_with_its_line() -> None:
    with pytest.raises(ValueError, match="line 2"):
        Simulator(Options(config='config system global\n    set hostname "x\nend\n'))


def test_grep_filters_and_shows_enclosing_blocks(fortigate: Simulator) -> None:
    assert "HOST" in fortigate.run("show system global | grep -i HOSTNAME")
    shown = fortigate.run("show system interface | grep -f LAN")
    assert 'edit "port2"' in shown
    assert 'set alias "LAN" <---' in shown
    assert 'edit "port1"' not in shown


def test_a_misspelt_vdom_is_created_and_tables_keep_to_their_scope() -> None:
    fortigate = Simulator(Options(hostname="HOST", vdoms=("Branch",)))
    assert "current vf=root:0" in fortigate.run("config vdom\nedit root")
    fortigate.run("config vdom\nedit Brnach\nend")
    assert "Brnach" in fortigate.config.vdoms
    assert "command parse error before 'system'" in fortigate.run("config system global")
    assert "Return code -61" in fortigate.run("config global\nconfig firewall policy")
    assert "Return code -61" in fortigate.run(
        "config vdom\nedit root\nconfig system automation-action"
    )


def test_a_global_feed_of_a_fortigate_with_vdoms_must_begin_with_g() -> None:
    fortigate = Simulator(Options(vdoms=("Branch",)))
    feed = "config system external-resource\nedit {}\nset resource http://x/\nend\nend"
    fortigate.run_in("global", feed.format("g-f"))
    fortigate.run_in("global", feed.format("f"))
    fortigate.run_in("Branch", feed.format("b"))
    text = fortigate.show()
    assert 'edit "g-f"' in text
    assert 'edit "b"' in text
    assert 'edit "f"' not in text
    shown = fortigate.run_in(
        "Branch", "config vpn ssl settings\nset source-address g-f b\nend\nend"
    )
    assert "fail" not in shown


def test_show_of_a_fortigate_with_vdoms_loads_again_to_the_same() -> None:
    fortigate = Simulator(Options(vdoms=("Branch",), enc_stable=True))
    again = Simulator(Options(config=fortigate.show(), enc_stable=True))
    assert again.config.vdoms == ("root", "Branch")
    assert again.show() == fortigate.show()


@given(st.text(st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"])))
def test_a_quoted_value_is_read_back_as_it_was(value: str) -> None:
    cut = split(quote(value))
    assert cut.open == ""
    assert [word.text for word in cut.words] == [value]


@settings(max_examples=40, deadline=None)
@given(
    st.text(
        st.characters(
            min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs", "Cc"]
        ),
        min_size=1,
        max_size=60,
    )
)
def test_a_value_typed_as_it_is_shown_arrives_intact(value: str) -> None:
    fortigate = Simulator(Options())
    fortigate.run(f"{ADDRESS}a\nset comment {quote(value)}\nend")
    found = fortigate.config.find("firewall address", "a", "")
    assert found is not None
    assert found.texts("comment") == (value,)
