"""A simulated FortiGate with VDOMs: its top level, its scopes, unknown names."""

import pytest

from tests.simulator import Options, Simulator


@pytest.fixture
def fortigate() -> Simulator:
    """A FortiGate with the VDOMs root and Branch."""
    return Simulator(Options(hostname="HOST", vdoms=("Branch",), enc_stable=True))


@pytest.mark.parametrize(
    "line",
    [
        "show system automation-action",
        "show firewall policy 1",
        "get system console",
        "show full-configuration system console",
        "config system global",
    ],
)
def test_the_top_of_a_fortigate_with_vdoms_knows_no_table(fortigate: Simulator, line: str) -> None:
    shown = fortigate.run(line)
    assert "command parse error before" in shown
    assert "Command fail. Return code -61" in shown
    assert shown.endswith("HOST # ")


@pytest.mark.parametrize("scope", ["", "global", "root"])
def test_the_status_is_shown_in_every_scope(fortigate: Simulator, scope: str) -> None:
    assert "Virtual domain configuration: multiple" in fortigate.run_in(scope, "get system status")


def test_a_vdom_holds_no_global_table_and_global_holds_no_policy(fortigate: Simulator) -> None:
    assert "command parse error" in fortigate.run_in("root", "show system automation-action")
    assert "command parse error" in fortigate.run_in("global", "show firewall policy")
