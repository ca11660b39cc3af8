"""The simulator's objects: pending entries, references, error texts, quoting."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator import Options, Simulator
from tests.simulator.text import quote

ADDRESS = "config firewall address\nedit "


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


def test_a_refused_config_leaves_the_lines_after_it_in_the_wrong_context(
    fortigate: Simulator,
) -> None:
    shown = fortigate.run(f"{ADDRESS}a\nconfig nothing\nedit 1\nset comment wrong\nend")
    assert "command parse error before 'nothing'" in shown
    assert "Unknown action 0" in shown
    assert 'set comment "wrong"' in fortigate.show()


def test_a_full_table_refuses_another_entry() -> None:
    fortigate = Simulator(Options(table_limits={"firewall address": 3}))
    shown = fortigate.run(f"{ADDRESS}a\nend")
    assert "object set operator error, -4 discard the setting" in shown
    assert "Command fail. Return code -4 (reached the maximum number of entries" in shown


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
