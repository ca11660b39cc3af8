"""What each FortiOS version accepts, against the version columns of the facts."""

import pytest

from tests.simulator import Options, Simulator
from tests.simulator.schema import VERSIONS, parse_version, within

ACTION = "config system automation-action\nedit a\nset action-type webhook\n"
RESOURCE = "config system external-resource\nedit f\nset type address\n"
LOCAL = "config firewall local-in-policy\nedit 1\n"
TRIGGER = "config system automation-trigger\nedit t\nset event-type event-log\n"

# line -> the versions of VERSIONS that take it
ACCEPTED = {
    TRIGGER + "set logid 39426 37124": VERSIONS[1:],
    TRIGGER + "set description x": VERSIONS[1:],
    TRIGGER + "set vdom root": VERSIONS[4:],
    ACTION + "set headers A:b": ("6.4.15", "7.0.0", "7.0.5", "7.2.0"),
    ACTION + "config http-headers": tuple(
        v for v in VERSIONS if v not in ("6.4.15", "7.0.0", "7.0.5", "7.2.0")
    ),
    ACTION + "set verify-host-cert disable": VERSIONS[1:],
    ACTION + "set delay 1": ("6.4.15", "7.0.0"),
    ACTION + "config form-data": ("7.6.4", "8.0.0"),
    "config system automation-stitch\nedit s\nset action 'Default Email'": ("6.4.15", "7.0.0"),
    "config system automation-stitch\nedit s\nconfig actions": VERSIONS[2:],
    RESOURCE + "set server-identity-check full": tuple(v for v in VERSIONS[3:] if v != "7.2.0"),
    RESOURCE + "set user-agent x": VERSIONS,
    RESOURCE + "set update-method feed": VERSIONS[5:],
    RESOURCE + "set source-ip-interface port1": ("7.6.4", "8.0.0"),
    LOCAL + "set intf port1 port2": VERSIONS[7:],
    LOCAL + "set logtraffic enable": VERSIONS[8:],
    "config vpn ssl settings\nset tunnel-ip-pools all": VERSIONS[:9],
    "config automation setting": VERSIONS[4:],
    "config system console\nset mode batch": VERSIONS[:6],
}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_takes_what_it_knows_and_refuses_the_rest(version: str) -> None:
    fortigate = Simulator(Options(version=version))
    for lines, versions in ACCEPTED.items():
        refused = "command parse error" in fortigate.run(lines)
        assert refused is (version not in versions), (version, lines)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("vdoms", [(), ("Branch",)])
def test_every_version_starts_and_its_show_loads_again_to_the_same(
    version: str, vdoms: tuple[str, ...]
) -> None:
    fortigate = Simulator(Options(version=version, vdoms=vdoms, enc_stable=True))
    text = fortigate.show()
    again = Simulator(Options(version=version, config=text, enc_stable=True))
    assert again.show() == text
    assert f"v{version},build" in fortigate.run("get system status | grep Version")


def test_a_table_that_a_model_lost_is_unknown() -> None:
    fortigate = Simulator(Options(version="7.6.4", without_tables=("vpn ssl settings",)))
    shown = fortigate.run("config vpn ssl settings")
    assert "command parse error before 'settings'" in shown


@pytest.mark.parametrize(
    ("spec", "version", "expected"),
    [
        ("7.0.6-7.0 7.2.1-", "7.0.5", False),
        ("7.0.6-7.0 7.2.1-", "7.0.17", True),
        ("7.0.6-7.0 7.2.1-", "7.2.0", False),
        ("7.0.6-7.0 7.2.1-", "8.0.0", True),
        ("-7.0.0", "6.4.15", True),
        ("-7.0.0", "7.0.1", False),
        ("-6.4", "6.4.15", True),
        ("", "7.4.8", True),
    ],
)
def test_a_version_range_is_read_per_train(spec: str, version: str, expected: bool) -> None:
    assert within(spec, parse_version(version)) is expected


@pytest.mark.parametrize(
    ("version", "mode", "line"),
    [
        ("6.4.15", "a-p, backup", "Master      : FGT-A-peer, "),
        ("7.0.0", "a-p, secondary", "Primary     : FGT-A-peer, "),
        ("7.4.8", "a-p, secondary", "Primary     : FGT-A-peer, "),
    ],
)
def test_a_secondary_names_its_primary_in_the_words_of_its_version(
    version: str, mode: str, line: str
) -> None:
    fortigate = Simulator(Options(version=version, ha_role="Secondary"))
    assert f"Current HA mode: {mode}\r\n" in fortigate.run("get system status")
    assert line in fortigate.run("get system ha status")
