"""What the detection_ settings become in fail2ban's jails: thresholds, longer bans, and who is spared."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import roles.detection.role
from provision.desired.host_paths import AUDIT, EVIDENCE, RULES_LOG
from provision.errors import InputError
from provision.inventory.variables import Where
from provision.linux.kinds.file import File
from provision.linux.kinds.jail import Jail
from provision.sites.settings import read_settings
from roles import rules, webhook
from roles.detection.catalogue import CATALOGUE
from tests.unit.inventory.inventories import list_problems, read_scope
from tests.unit.roles.sample_site import fortios, linux, sample_site

JAILS = "/etc/fail2ban/jail.d/banstitch.conf"
ALL = list(CATALOGUE)


def resources(**settings: Any) -> list[Any]:
    model = roles.detection.role.Settings.model_validate(settings)
    return list(roles.detection.role.resources(linux(sample_site({"detection": model}))))


def jails(**settings: Any) -> configparser.ConfigParser:
    (text,) = [
        r.content or "" for r in resources(**settings) if isinstance(r, File) and r.path == JAILS
    ]
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return parser


def read(folder: Path, variables: str) -> Any:
    found = read_settings(
        roles.detection.role, read_scope(folder, variables), Where("hosts.yml", 1)
    )
    assert isinstance(found, roles.detection.role.Settings)
    return found


def test_logins_to_vpns_and_of_administrators_are_watched_unless_more_is_asked_for() -> None:
    names = ("sslvpn_login_failed", "ipsec_login_failed", "admin_login_failed")
    rules = ["trusted", "slow", "unknown_user", "trap", "spray", "network"]
    more = {"admin_login_failed": [*rules[:-1], "lockout", "network"]}
    assert jails().sections() == [
        f"banstitch-{name}{ending}"
        for name in names
        for ending in ("", *(f"-{rule}" for rule in more.get(name, rules)))
    ]
    found = jails(detection_enabled=ALL).sections()
    assert [name for name in found if name.count("-") == 1] == [f"banstitch-{n}" for n in ALL]


def test_fail2ban_reads_clean_lines_and_never_the_file_with_what_attackers_typed() -> None:
    found = jails(detection_enabled=ALL)
    # fail2ban itself would open a log that is named here before anybody has looked at it
    assert not [jail for jail in found.sections() if "logpath" in found[jail]]
    assert all(f'log="{RULES_LOG}"' in found[jail]["action"] for jail in found.sections())
    assert EVIDENCE not in (RULES_LOG, AUDIT)


def test_each_detection_is_one_jail_with_its_own_ban_time() -> None:
    own = {"ipsec_psk_failed": {"ban_time": -1}, "user_auth_failed": {"ban_time": "2d"}}
    found = [
        r
        for r in resources(detection_enabled=ALL, detection_settings=own)
        if isinstance(r, Jail) and r.name.count("-") == 1
    ]  # fmt: skip
    assert [(jail.name.partition("-")[2], jail.ban_time) for jail in found] == [
        ("sslvpn_login_failed", 3600),
        ("admin_login_failed", 3600),
        ("ipsec_login_failed", 3600),
        ("ipsec_psk_failed", -1),
        ("ipsec_identity_guess", 3600),
        ("user_auth_failed", 2 * 86400),
    ]


def test_an_address_that_one_detection_ignores_is_still_banned_by_another() -> None:
    found = jails(
        detection_enabled=ALL[:2],
        detection_ignore=["198.51.100.7"],
        detection_settings={ALL[1]: {"ignore": ["203.0.113.0/24"]}},
    )
    first, second = (
        re.findall(r'ignore="(.*)"', found[name]["action"])[0].split()
        for name in (f"banstitch-{name}" for name in ALL[:2])
    )
    assert "198.51.100.7/32" in first
    assert "198.51.100.7/32" in second
    assert ("203.0.113.0/24" in first, "203.0.113.0/24" in second) == (False, True)


def test_repeat_offenders_are_banned_for_longer_when_asked_for() -> None:
    assert jails()["banstitch-sslvpn_login_failed"]["bantime.increment"] == "false"
    longer = jails(
        detection_increment=True, detection_increment_factor=3, detection_increment_max="1d"
    )["banstitch-sslvpn_login_failed"]
    assert longer["bantime.increment"] == "true"
    assert (longer["bantime.factor"], longer["bantime.maxtime"]) == ("3", "86400")


def test_a_ban_for_ever_cannot_grow() -> None:
    found = jails(detection_increment=True, detection_ban_time=-1)
    assert found["banstitch-sslvpn_login_failed"]["bantime.increment"] == "false"


@settings(deadline=None)
@given(st.integers(1, 10**6), st.integers(2, 100), st.integers(0, 10**9))
def test_the_formula_given_to_fail2ban_multiplies_by_the_factor_each_time(
    seconds: int, factor: int, count: int
) -> None:
    formula = jails(detection_increment=True)["banstitch-sslvpn_login_failed"]["bantime.formula"]

    class Ban:
        Time, Count = seconds, count

    # fail2ban evaluates it with these two names (server/jail.py, setBanTimeExtra)
    assert eval(formula, {"ban": Ban, "banFactor": factor}) == seconds * factor ** min(count, 20)


def test_an_allow_list_may_stand_in_a_file_of_the_operators(tmp_path: Path) -> None:
    (tmp_path / "allow.txt").write_text("# offices\n198.51.100.0/24 # Paris\n\n  2001:db8::7\n")
    found = read(tmp_path, f"detection_ignore: [192.0.2.9, 'file:{tmp_path}/allow.txt']")
    spared = [str(network) for network in found.detection_ignore]
    assert spared == ["192.0.2.9/32", "198.51.100.0/24", "2001:db8::7/128"]


def test_an_allow_list_may_be_written_on_windows(tmp_path: Path) -> None:
    (tmp_path / "allow.txt").write_bytes(b"\xef\xbb\xbf192.0.2.1\r\n192.0.2.2\r\n")
    found = read(tmp_path, f"detection_ignore: ['file:{tmp_path}/allow.txt']")
    assert [str(n) for n in found.detection_ignore] == ["192.0.2.1/32", "192.0.2.2/32"]


def test_every_error_in_an_allow_list_file_is_named_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "allow.txt").write_text("198.51.100.7/24\n192.0.2.1\nnobody\n")
    with pytest.raises(InputError) as caught:
        read(
            tmp_path,
            f"detection_ignore: ['file:{tmp_path}/allow.txt']\ndetection_max_retry: 0\n",
        )
    found = list_problems(caught, tmp_path)
    assert [fault.partition(" ")[0] for fault in found if "allow.txt" in fault] == [
        "allow.txt:1:",
        "allow.txt:3:",
    ]
    assert any("detection_max_retry" in fault for fault in found)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            "{trap: 5}",
            "trap must be off, on, or a mapping with max_retry, find_time or ban_time (got 5)",
        ),
        (
            "{trap: {max_retry: 0}}",
            "trap.max_retry must be an integer from 1 to 10000 (got 0); number of events, or of sources,",
        ),
        (
            "{trap: {ban_time: 0}}",
            "trap.ban_time: it must be at least one second (got 0); write a time",
        ),
        ("{trap: {maxretry: 2}}", "trap.maxretry is unknown here; remove it or correct its name"),
        ("{trp: off}", "trp is unknown here; write 'plain', 'trusted', 'slow', 'unknown_user'"),
        (
            "{asn: on}",
            "the rule asn in detection_settings needs a database: set detection_asn_database",
        ),
    ],
)
def test_a_wrong_threshold_of_a_rule_is_one_error_at_its_place(
    tmp_path: Path, rule: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, f"detection_settings: {{sslvpn_login_failed: {{rules: {rule}}}}}")
    (found,) = list_problems(caught, tmp_path)
    assert found.startswith("host_vars/h.yml:1: ")
    assert message in found


def test_a_missing_allow_list_file_is_an_error_of_the_line_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, "detection_settings: {ipsec_psk_failed: {ignore: ['file:/no/such']}}")
    assert "/no/such cannot be read" in str(caught.value)


def test_an_allow_list_that_never_ends_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, "detection_ignore: ['file:/dev/zero']")
    assert "/dev/zero cannot be read: it must be a regular file" in str(caught.value)


def test_a_condition_is_asked_of_the_fortigate_so_that_it_sends_less() -> None:
    names = ["ipsec_psk_failed", "ipsec_login_failed", "user_auth_failed"]
    settings = roles.detection.role.Settings.model_validate({"detection_enabled": names})
    site = sample_site({"detection": settings})
    texts = {block.name: block.text for block in webhook.blocks(fortios(site))}
    asked = texts["webhook/trigger_banstitch_ipsec_psk_failed"]
    assert 'set name "reason"\n                set value "*[sS]hared*[mM]ismatch*"' in asked
    assert "set logid 37124 37125\n" in asked
    assert "fields" not in texts["webhook/trigger_banstitch_user_auth_failed"]
    # FortiOS has no "or" between fields: whether there is a name is for the receiver to see
    for name, status in (("failed", "failure"), ("ok", "success")):
        login = texts[f"webhook/trigger_banstitch_ipsec_login_{name}"]
        assert f'set name "status"\n                set value "{status}"' in login
        assert "user" not in login


def test_logins_that_succeed_and_lock_outs_have_triggers_of_their_own() -> None:
    for wanted in (True, False):
        settings = roles.detection.role.Settings(
            detection_success_events=wanted, detection_settings={}
        )
        site = sample_site({"detection": settings})
        texts = {block.name: block.text for block in webhook.blocks(fortios(site))}
        assert "set logid 32021\n" in texts["webhook/trigger_banstitch_admin_login_lockout"]
        for name in ("sslvpn_login_ok", "ipsec_login_ok", "admin_login_ok"):
            assert (f"webhook/trigger_banstitch_{name}" in texts) is wanted
            assert (f"webhook/stitch_banstitch_{name}" in texts) is wanted
    assert roles.detection.role.Settings(detection_settings={}).detection_success_events


def test_a_name_of_an_earlier_release_stays_valid_with_a_warning(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "detection_enabled: [ipsec_failed, ipsec_psk_failed]\n"
        "detection_settings: {ipsec_failed: {ban_time: 2d}}",
    )
    (detection,) = roles.detection.role.list_enabled(found)
    assert (detection.name, detection.ban_time) == ("ipsec_psk_failed", 2 * 86400)
    doubts = [(doubt.setting, doubt.what) for doubt in found.list_doubts()]
    assert doubts == [
        ("detection_enabled", "ipsec_failed is called ipsec_psk_failed now"),
        ("detection_settings", "ipsec_failed is called ipsec_psk_failed now"),
    ]


def test_a_rule_that_never_counts_is_reported(tmp_path: Path) -> None:
    lockout = "{rules: {lockout: {ban_time: 1h}}}"
    text = f"detection_settings: {{sslvpn_login_failed: {lockout}, admin_login_failed: {lockout}}}"
    (doubt,) = read(tmp_path, text).list_doubts()
    assert doubt.what.startswith("the rule lockout of sslvpn_login_failed counts nothing")
    assert not list(read(tmp_path, text.replace("{ban_time: 1h}", "off")).list_doubts())


def test_a_renamed_detection_takes_over_the_bans_of_its_earlier_jail() -> None:
    found = jails(detection_enabled=["ipsec_failed"])
    name = "banstitch-ipsec_psk_failed"
    assert found.sections() == [name, f"{name}-slow"]
    assert 'earlier="banstitch-ipsec_failed"' in found[name]["action"]
    assert "earlier" not in found[f"{name}-slow"]["action"]
    assert "earlier" not in str(jails(detection_enabled=["user_auth_failed"]))


def test_the_rules_of_a_renamed_detection_count_under_its_new_name() -> None:
    model = roles.detection.role.Settings.model_validate({"detection_enabled": ["ipsec_failed"]})
    found: Any = rules.replay(linux(sample_site({"detection": model})))["rules"]
    assert list(found["detections"]) == ["ipsec_psk_failed"]
    # it has no user names, of which other rules count
    assert found["detections"]["ipsec_psk_failed"]["rules"].keys() == {"plain", "slow"}


def test_bans_too_short_to_grow_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, "detection_increment: true\ndetection_ban_time: 30")
    assert "60 seconds or more: lengthen that of sslvpn_login_failed" in str(caught.value)


def test_a_longest_ban_that_is_shorter_than_the_first_is_refused(tmp_path: Path) -> None:
    for text in ("detection_increment_max: 10m", "detection_ban_time: 5w"):
        with pytest.raises(InputError) as caught:
            read(tmp_path, f"detection_increment: true\n{text}")
        assert "shorter than the first ban of sslvpn_login_failed" in str(caught.value)
    read(tmp_path, "detection_increment: true\ndetection_ban_time: -1")
    read(tmp_path, "detection_increment: true\ndetection_increment_max: 1h")


def test_the_action_is_put_in_place_after_all_that_it_loads() -> None:
    """An upgrade that breaks off in between leaves the action with what it was made for."""
    folder = "/etc/fail2ban/action.d/banstitch"
    files = [r for r in resources() if isinstance(r, File) and r.path.startswith(folder)]
    loads = re.findall(r"= map\(load, \((.*)\)\)", files[-1].content or "")
    loaded = {f"{folder}_{name}.py" for name in re.findall(r'"(\w+)"', " ".join(loads))}
    assert files[-1].path == f"{folder}.py"
    shared = {file.path for file in files if file.path.startswith(f"{folder}_shared/")}
    assert f"{folder}_shared/ban_file.py" in shared
    # the sizes of logs are what one of these modules loads in turn
    assert {file.path for file in files[:-1]} == {*loaded, *shared, f"{folder}_log_sizes.py"}
