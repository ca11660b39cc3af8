"""Sites come complete out of an inventory, or every fault does, and every password is masked."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest
from pydantic import SecretStr

from provision.errors import InputError
from provision.inventory.loader import load
from provision.masking import MASK, Secrets
from provision.sites.builder import Play, Selected, Site, build_sites, limit_sites
from provision.sites.settings import RoleSettings
from tests import PROJECT
from tests.plays import load_plays
from tests.unit.inventory.inventories import list_problems, read_inventory, write
from tests.unit.sites.fake_role import FakeRole


class Receiver(RoleSettings):
    receiver_port: int = 5000
    receiver_token: SecretStr | None = None


class Feed(RoleSettings):
    feed_name: str = "bans"


RECEIVER = FakeRole("receiver", "receiver_", Receiver)
FEED = FakeRole("feed", "feed_", Feed)
PLAYS = (Play("ban_hosts", (RECEIVER,)), Play("fortigates", (FEED,)))
GOOD = """
ban_hosts: {hosts: {ban1: }}
fortigates: {hosts: {fw1: {ban_host: ban1}}}
"""


def built(folder: Path, hosts: str, secrets: Secrets | None = None) -> tuple[Site, ...]:
    return build_sites(read_inventory(folder, hosts), PLAYS, secrets or Secrets())


def test_a_site_is_a_ban_host_and_the_fortigates_that_name_it(tmp_path: Path) -> None:
    found = built(
        tmp_path,
        """
        ban_hosts: {hosts: {ban2: , ban1: {receiver_port: 5001}}}
        fortigates:
          vars: {feed_name: list}
          hosts: {fw3: {ban_host: ban2}, fw2: {ban_host: ban1}, fw1: {ban_host: ban1}}
        strangers: {hosts: {other: {ansible_port: x, receiver_foo: 1}}}
        """,
    )
    assert [(site.name, [unit.name for unit in site.fortigates]) for site in found] == [
        ("ban1", ["fw1", "fw2"]),
        ("ban2", ["fw3"]),
    ]
    assert found[0].ban_host.settings == {"receiver": Receiver(receiver_port=5001)}
    assert found[0].fortigates[0].settings == {"feed": Feed(feed_name="list")}


def test_a_host_with_no_connection_variables_is_reached_by_its_name(tmp_path: Path) -> None:
    (site,) = built(tmp_path, GOOD)
    linux, unit = site.ban_host.login, site.fortigates[0].login
    assert (linux.address, linux.port, linux.user) == ("ban1", 22, getpass.getuser())
    assert (unit.address, unit.port, unit.user, unit.become) == ("fw1", 22, "admin", False)
    assert linux.password is linux.private_key_file is None


def test_ansibles_connection_variables_apply(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("private")
    (site,) = built(
        tmp_path,
        f"""
        ban_hosts:
          hosts:
            ban1:
              ansible_host: 192.0.2.1
              ansible_port: "2222"
              ansible_user: deploy
              ansible_ssh_pass: hunter2
              ansible_ssh_private_key_file: {tmp_path}/key
              ansible_become_pass: swordfish
        """,
    )
    login = site.ban_host.login
    assert (login.address, login.port, login.user) == ("192.0.2.1", 2222, "deploy")
    assert (login.password, login.become, login.become_password) == ("hunter2", True, "swordfish")
    assert login.private_key_file == f"{tmp_path}/key"


@pytest.mark.parametrize(
    ("variables", "become"),
    [
        ("{ansible_user: root}", False),
        ("{ansible_user: deploy}", True),
        ("{ansible_user: deploy, ansible_become: no}", False),
        ("{ansible_user: root, ansible_become: 'true'}", True),
    ],
)
def test_everybody_but_root_becomes_root(tmp_path: Path, variables: str, become: bool) -> None:
    (site,) = built(tmp_path, f"ban_hosts: {{hosts: {{ban1: {variables}}}}}")
    assert site.ban_host.login.become is become


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ("", 15),
        ("ansible_timeout: 60", 60),
        ("ansible_timeout: '60'", 60),
        ("ansible_ssh_timeout: 45", 45),
        ("ansible_paramiko_timeout: 45", 45),
        ("ansible_timeout: 60, ansible_ssh_timeout: 45", 45),
    ],
)
def test_the_time_out_of_a_login_is_ansibles(tmp_path: Path, variables: str, seconds: int) -> None:
    (site,) = built(tmp_path, f"ban_hosts: {{hosts: {{ban1: {{{variables}}}}}}}")
    assert site.ban_host.login.timeout == seconds
    assert not site.ban_host.login.warnings


@pytest.mark.parametrize(
    ("value", "python"),
    [
        ("auto", None),
        ("auto_silent", None),
        ("auto_legacy", None),
        ("''", None),
        ("/usr/bin/python3.11", "/usr/bin/python3.11"),
        ("/usr/bin/env python3", "/usr/bin/env python3"),
        ("\"{{ '/opt/' ~ 'python' }}\"", "/opt/python"),
    ],
)
def test_the_python_of_a_ban_host_may_be_named(
    tmp_path: Path, value: str, python: str | None
) -> None:
    (site,) = built(
        tmp_path, f"ban_hosts: {{hosts: {{b: {{ansible_python_interpreter: {value}}}}}}}"
    )
    assert site.ban_host.login.python == python


@pytest.mark.parametrize(
    "variables",
    [
        "{ansible_user: joe, ansible_become_user: root, ansible_become_method: ansible.builtin.sudo}",
        "{ansible_user: joe, ansible_become: no, ansible_become_user: www}",
        "{ansible_user: root, ansible_become_user: www}",
    ],
)
def test_a_user_to_become_matters_only_where_sudo_is_used(tmp_path: Path, variables: str) -> None:
    (site,) = built(tmp_path, f"ban_hosts: {{hosts: {{b: {variables}}}}}")
    assert site.ban_host.login.become == ("joe" in variables and "no," not in variables)


def test_a_tilde_in_the_key_file_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text("private")
    (site,) = built(tmp_path, "ban_hosts: {hosts: {b: {ansible_ssh_private_key_file: ~/key}}}")
    assert site.ban_host.login.private_key_file == f"{tmp_path}/key"


def test_every_password_and_secret_setting_is_masked(tmp_path: Path) -> None:
    secrets = Secrets()
    built(
        tmp_path,
        """
        ban_hosts:
          hosts:
            ban1:
              ansible_password: "{{ 'login' ~ 'word' }}"
              ansible_become_password: sudoword
              receiver_token: tokenword
        fortigates: {hosts: {fw1: {ban_host: ban1, ansible_password: wallword}}}
        """,
        secrets,
    )
    shown = secrets.mask("loginword sudoword tokenword wallword")
    assert shown == " ".join([MASK] * 4)


FW = "ban_hosts: {{hosts: {{ban1: }}}}\nfortigates: {{hosts: {{fw1: {{{}}}}}}}"
BAN = "ban_hosts: {{hosts: {{ban1: {{{}}}}}}}"


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("all: {hosts: {h: }}", "hosts.*group ban_hosts has no host; put your Linux hosts into it"),
        ("ban_host: {hosts: {h: }}", "group ban_hosts has no host; did you mean ban_host?"),
        ("ban_hosts: ", "group ban_hosts has no host"),
        (FW.format(""), "hosts.yml:2: fw1 has no ban_host; name the .* such as ban_host: ban1"),
        (
            FW.format("ban_host: ban2"),
            "ban_host ban2 is not a host of the inventory; did you mean ba",
        ),
        (
            FW.format("ban_host: xyz"),
            "ban_host xyz is not a host of the inventory; ban_hosts has ban1",
        ),
        (FW.format("ban_host: fw1"), "ban_host fw1 is not in group ban_hosts; put it there"),
        (FW.format("ban_host: [ban1]"), "ban_host ['ban1'] is not a host"),
        (FW.format("ban_host: '{{ x }}'"), "hosts.yml:2: ban_host: 'x' is undefined"),
        ("ban_hosts: {hosts: {h: }}\nfortigates: {hosts: {h: }}", "h is in ban_hosts and in fort"),
        (FW.format("ban_host: ban1, ansible_host: BAN1"), "fw1 has the address of ban1: ban1 port"),
        (
            FW.format("ban_host: ban1, feed_nam: x"),
            "unknown setting feed_nam in role feed; did you ",
        ),
        (
            FW.format("ban_host: ban1, receiver_prt: 1"),
            "unknown setting receiver_prt in role receiv",
        ),
        (FW.format("ban_host: ban1, feed_name: 1"), "feed_name must be a text, in quotes (got 1)"),
        (
            "ban_hosts: {hosts: {ban1: }}\nfortigates: {hosts: {'fw 1/x': {ban_host: ban1}}}",
            "fw 1/x is not usable as a name; use letters",
        ),
        (
            "ban_hosts: {hosts: {ban1: }}\nfortigates: {hosts: {fw@1: {ban_host: ban1}}}",
            "fw@1 is not usable as a name; use letters, digits, '.', '_' and '-', 35 at most",
        ),
        (
            f"ban_hosts: {{hosts: {{ban1: }}}}\nfortigates: {{hosts: {{{'f' * 36}: {{ban_host: ban1}}}}}}",
            "is not usable as a name; use letters",
        ),
        (BAN.format("ansible_host: 10"), "ansible_host must be a text; put quotes around it"),
        (BAN.format("ansible_host: 'a b'"), "ansible_host must be one word; write it without"),
        (BAN.format("ansible_port: 70000"), "ansible_port must be a TCP port; write a whole "),
        (BAN.format("ansible_port: yes"), "ansible_port must be a TCP port"),
        (BAN.format("ansible_user: ''"), "ansible_user must be one word"),
        (BAN.format("ansible_timeout: soon"), "ansible_timeout must be a time-out; write whole"),
        (BAN.format("ansible_timeout: 0"), "ansible_timeout must be a time-out; write whole sec"),
        (BAN.format("ansible_ssh_timeout: 1.5"), "ansible_ssh_timeout must be a time-out"),
        (BAN.format("ansible_become: maybe"), "ansible_become must be true or false"),
        (BAN.format("ansible_become_method: su"), "ansible_become_method must be sudo; "),
        (BAN.format("ansible_become_method: doas"), "ansible_become_method must be sudo; "),
        (
            BAN.format("ansible_user: joe, ansible_become_user: www"),
            "ansible_become_user must be root; the agent runs as root",
        ),
        (BAN.format("ansible_python_interpreter: 3"), "interpreter must be a text of one line; w"),
        (BAN.format('ansible_python_interpreter: "\'/usr"'), "must close its quotes"),
        (BAN.format("ansible_password: 1234567"), "ansible_password must be a text; put quotes"),
        (BAN.format("ansible_password: abc"), "ansible_password is too short .*; use one of 4"),
        (BAN.format("ansible_password: ''"), "ansible_password: it is empty; leave the variable"),
        (BAN.format('ansible_password: "ab\\ncd"'), "ansible_password has a line break"),
        (BAN.format("ansible_password: !vault x"), "ansible_password is encrypted with ansible-va"),
        (
            BAN.format("ansible_ssh_private_key_file: /no"),
            "private_key_file must name a file; write the",
        ),
        (
            BAN.format("ansible_ssh_private_key_file: 1"),
            "ansible_ssh_private_key_file must be a pa",
        ),
        (BAN.format("receiver_token: abc"), "receiver_token: it is shorter than 4 characters"),
    ],
)
def test_a_fault_keeps_every_site_from_being_built(
    tmp_path: Path, hosts: str, expected: str
) -> None:
    with pytest.raises(InputError) as error:
        built(tmp_path, hosts)
    (found,) = list_problems(error, tmp_path)
    for piece in expected.split(".*"):
        assert piece in found


def test_faults_of_all_hosts_come_at_once_and_one_line_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        built(
            tmp_path,
            """
            all: {vars: {receiver_prt: 1}}
            ban_hosts: {hosts: {ban1: {ansible_port: x}, ban2: {ansible_user: 5}}}
            fortigates: {hosts: {fw1: }}
            """,
        )
    assert [fault.split(";")[0] for fault in list_problems(error, tmp_path)] == [
        "hosts.yml:2: unknown setting receiver_prt in role receiver",
        "hosts.yml:3: ansible_port must be a TCP port",
        "hosts.yml:3: ansible_user must be a text",
        "hosts.yml:4: fw1 has no ban_host",
    ]


def test_a_password_from_an_unset_environment_variable_is_kept_as_a_fault_for_whoever_connects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FW_PASSWORD", raising=False)
    (site,) = built(
        tmp_path,
        """
        ban_hosts: {hosts: {ban1: {ansible_password: "{{ common }}"}}}
        all: {vars: {common: "{{ lookup('env', 'FW_PASSWORD') }}"}}
        """,
    )
    (unset,) = site.ban_host.login.unset
    assert unset.message == "ansible_password: the environment variable FW_PASSWORD is not set"
    assert unset.remedy == "export FW_PASSWORD=..."


def test_no_fault_shows_a_password(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        built(
            tmp_path,
            BAN.format(
                "ansible_password: [hunter2], ansible_become_password: {a: hunter2}, "
                "receiver_token: [hunter2]"
            ),
        )
    assert len(error.value.problems) == 3
    assert "hunter2" not in str(error.value)


def test_a_play_for_another_group_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"site\.py: no play for web; write ban_hosts or fortig"):
        build_sites(read_inventory(tmp_path, GOOD), (Play("web", (FEED,)),), Secrets())


def test_two_units_behind_one_address_differ_by_port(tmp_path: Path) -> None:
    (site,) = built(
        tmp_path,
        """
        ban_hosts: {hosts: {ban1: }}
        fortigates:
          vars: {ban_host: ban1, ansible_host: 192.0.2.1}
          hosts: {fw1: , fw2: {ansible_port: 2222}}
        """,
    )
    assert [unit.login.port for unit in site.fortigates] == [22, 2222]


def test_a_limit_selects_sites_and_the_targets_within(tmp_path: Path) -> None:
    everything = built(
        tmp_path,
        """
        ban_hosts: {hosts: {ban1: , ban2: }}
        fortigates: {hosts: {fw1: {ban_host: ban1}, fw2: {ban_host: ban1}}}
        """,
    )
    first, second = everything
    chosen = limit_sites(everything, frozenset({"fw2"}))
    assert chosen == (Selected(first, linux=False, fortigates=(first.fortigates[1],)),)
    assert limit_sites(everything, frozenset({"ban1"})) == (
        Selected(first, linux=True, fortigates=()),
    )
    assert limit_sites(everything, frozenset({"ban2", "fw1", "stranger"})) == (
        Selected(first, linux=False, fortigates=(first.fortigates[0],)),
        Selected(second, linux=True, fortigates=()),
    )


def test_the_shipped_inventory_has_two_sites_one_of_them_with_two_fortigates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORTIGATE_PASSWORD", "common-one")
    monkeypatch.setenv("FW_PARIS_2_PASSWORD", "own-one")
    berlin, paris = build_sites(load(PROJECT / "inventory"), load_plays(), Secrets())
    assert [unit.name for unit in berlin.fortigates] == ["fw-berlin"]
    assert [(unit.name, unit.login.password) for unit in paris.fortigates] == [
        ("fw-paris-1", "common-one"),
        ("fw-paris-2", "own-one"),
    ]


def test_the_shipped_inventory_without_passwords_can_be_checked_and_knows_what_to_export(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FORTIGATE_PASSWORD", raising=False)
    monkeypatch.delenv("FW_PARIS_2_PASSWORD", raising=False)
    found = build_sites(load(PROJECT / "inventory"), PLAYS, Secrets())
    unset = [fault for site in found for unit in site.fortigates for fault in unit.login.unset]
    assert unset
    assert all("export FORTIGATE_PASSWORD" in str(fault) for fault in unset)


def test_an_inventory_of_a_thousand_sites_is_built(tmp_path: Path) -> None:
    write(
        tmp_path,
        hosts__yml="""
        ban_hosts: {hosts: {"ban[0001:1000]": }}
        fortigates:
          vars: {ban_host: "{{ inventory_hostname | replace('fw', 'ban') }}"}
          hosts: {"fw[0001:1000]": }
        """,
    )
    found = build_sites(load(tmp_path), PLAYS, Secrets())
    assert len(found) == 1000
    assert all(len(site.fortigates) == 1 for site in found)


def test_a_password_of_the_command_line_beats_every_other_spelling_of_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        hosts__yml="""
        ban_hosts: {hosts: {ban1: {ansible_ssh_pass: of-the-file, ansible_user: root}}}
        """,
    )
    (site,) = build_sites(load(tmp_path, ["ansible_password=of-the-line"]), PLAYS, Secrets())
    assert site.ban_host.login.password == "of-the-line"
