"""Stock netmiko works with the simulator, and fails where it fails with a FortiGate."""

from typing import Any

import netmiko
import pytest

from tests.simulator import Options, Simulator

# What netmiko waits for 10 to 15 s long.
WAITS = ("conn_timeout", "banner_timeout", "auth_timeout", "read_timeout_override")


def connect_netmiko(fortigate: Simulator, **more: Any) -> netmiko.BaseConnection:
    return netmiko.ConnectHandler(
        device_type="fortinet",
        host=fortigate.address,
        port=fortigate.port,
        username="admin",
        password="fortinet",
        **(dict.fromkeys(WAITS, 60) | more),
    )


@pytest.mark.parametrize("version", ["6.4.15", "7.4.8", "8.0.0"])
@pytest.mark.parametrize("console", ["more", "standard"])
def test_stock_netmiko_logs_in_reads_writes_and_leaves(version: str, console: str) -> None:
    options = Options(version=version, console=console, vdoms=())
    with Simulator(options) as fortigate:
        driver = connect_netmiko(fortigate)
        assert "Last reboot reason" in str(driver.send_command("get system status"))
        assert 'edit "Network Down"' in str(driver.send_command("show system automation-stitch"))
        driver.send_config_set(["config firewall address", "edit net$1", "set comment a#b", "end"])
        driver.disconnect()
        assert 'set comment "a#b"' in fortigate.show()
        assert f"output              : {console}" in fortigate.run("get system console")
        wrote = [line.text for line in fortigate.journal.changing()]
        assert ("set output standard" in wrote) is (console == "more")


def test_stock_netmiko_accepts_a_disclaimer_and_works_with_vdoms() -> None:
    with Simulator(Options(vdoms=("Branch",), disclaimer="Be good.", banner="Hello")) as fortigate:
        driver = connect_netmiko(fortigate)
        assert "multiple" in str(driver.send_command("get system status | grep Virtual"))
        driver.disconnect()
        assert [line for line in fortigate.journal if line.errors] == []


def test_stock_netmiko_is_lost_at_a_disclaimer_with_a_hash() -> None:
    with (
        Simulator(Options(disclaimer="Site # 7")) as fortigate,
        pytest.raises(netmiko.exceptions.ReadTimeout),
    ):
        connect_netmiko(fortigate, read_timeout_override=1)


def test_stock_netmiko_cannot_reach_a_fortigate_with_modern_key_exchange_only() -> None:
    with Simulator(Options(kex="modern")) as fortigate:
        with pytest.raises(netmiko.exceptions.NetmikoTimeoutException, match="kex"):
            connect_netmiko(fortigate)
        driver = connect_netmiko(
            fortigate, disabled_algorithms={"kex": ["diffie-hellman-group1-sha1"]}
        )
        driver.disconnect()


def test_stock_netmiko_saves_a_half_made_object_when_it_leaves_after_an_error() -> None:
    """Show the trap that a client avoids by sending `abort` first."""
    with Simulator(Options(console="more")) as fortigate:
        driver = connect_netmiko(fortigate)
        with pytest.raises(netmiko.exceptions.ConfigInvalidException):
            driver.send_config_set(
                ["config firewall address", "edit half", "set nonsense 1", "set comment x", "end"],
                error_pattern=r"^command parse error",
            )
        driver.disconnect()
        assert 'edit "half"' in fortigate.show()
        assert "standard" in fortigate.run("get system console")
