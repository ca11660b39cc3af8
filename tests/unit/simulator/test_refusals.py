"""The simulator's refusals: their texts, and what is left in their context."""

import pytest

from tests.simulator import Simulator


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


def test_a_second_policy_of_the_same_name_is_a_duplicate(fortigate: Simulator) -> None:
    policy = (
        'config firewall policy\nedit 0\nset name "LAN to Internet"\nset srcintf port1\n'
        "set dstintf port2\nset srcaddr all\nset dstaddr all\nset schedule always\n"
        "set service ALL\nend"
    )
    shown = fortigate.run(policy)
    assert "new entry '0' added" in shown
    assert "object set operator error, -15 discard the setting" in shown
