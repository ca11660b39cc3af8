"""Check that each error of an inventory is reported, and that none shows a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.errors import InputError
from provision.masking import Secrets
from provision.sites.builder import build_sites
from provision.sites.site import Play
from tests.unit.inventory.inventories import list_problems, read_inventory
from tests.unit.sites.sites_model import FEED, GOOD, build

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
        (FW.format("ban_host: '{{ x }}'"), "hosts.yml:2: fw1: ban_host: 'x' is undefined"),
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
        (
            FW.format("ban_host: ban1, feed_name: 1"),
            "feed_name must be a string, in quotes (got 1)",
        ),
        (
            "ban_hosts: {hosts: {ban1: }}\nfortigates: {hosts: {'fw 1/x': {ban_host: ban1}}}",
            "fw 1/x cannot be used as a name; use letters",
        ),
        (
            "ban_hosts: {hosts: {ban1: }}\nfortigates: {hosts: {fw@1: {ban_host: ban1}}}",
            "fw@1 cannot be used as a name; use letters, digits, '.', '_' and '-', 35 at most",
        ),
        (
            f"ban_hosts: {{hosts: {{ban1: }}}}\nfortigates: {{hosts: {{{'f' * 36}: {{ban_host: ban1}}}}}}",
            "cannot be used as a name; use letters",
        ),
        (BAN.format("ansible_host: 10"), "ansible_host must be a string; put quotes around it"),
        (BAN.format("ansible_host: 'a b'"), "ansible_host must be one word; write it without"),
        (BAN.format("ansible_port: 70000"), "ansible_port must be a TCP port; write a whole "),
        (BAN.format("ansible_port: yes"), "ansible_port must be a TCP port"),
        (BAN.format("ansible_user: ''"), "ansible_user must be one word"),
        (BAN.format("ansible_timeout: soon"), "ansible_timeout must be a timeout; write whole"),
        (BAN.format("ansible_timeout: 0"), "ansible_timeout must be a timeout; write whole sec"),
        (BAN.format("ansible_ssh_timeout: 1.5"), "ansible_ssh_timeout must be a timeout"),
        (BAN.format("ansible_become: maybe"), "ansible_become must be true or false"),
        (BAN.format("ansible_become_method: su"), "ansible_become_method must be sudo; "),
        (BAN.format("ansible_become_method: doas"), "ansible_become_method must be sudo; "),
        (
            BAN.format("ansible_user: joe, ansible_become_user: www"),
            "ansible_become_user must be root; the agent runs as root",
        ),
        (
            BAN.format("ansible_python_interpreter: 3"),
            "interpreter must be a string of one line; w",
        ),
        (BAN.format('ansible_python_interpreter: "\'/usr"'), "must close its quotes"),
        (BAN.format("ansible_password: 1234567"), "ansible_password must be a string; put quotes"),
        (BAN.format("ansible_password: abc"), "ansible_password is too short .*; use one of 4"),
        (BAN.format("ansible_password: ''"), "ansible_password: it is empty; leave the variable"),
        (
            BAN.format('ansible_password: "ab\\ncd"'),
            "ansible_password must not contain a line break",
        ),
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
def test_an_error_keeps_every_site_from_being_built(
    tmp_path: Path, hosts: str, expected: str
) -> None:
    with pytest.raises(InputError) as error:
        build(tmp_path, hosts)
    (found,) = list_problems(error, tmp_path)
    for piece in expected.split(".*"):
        assert piece in found


def test_errors_of_all_hosts_come_at_once_and_one_line_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        build(
            tmp_path,
            """
            all: {vars: {receiver_prt: 1}}
            ban_hosts: {hosts: {ban1: {ansible_port: x}, ban2: {ansible_user: 5}}}
            fortigates: {hosts: {fw1: }}
            """,
        )
    assert [fault.split(";")[0] for fault in list_problems(error, tmp_path)] == [
        "hosts.yml:2: ban1, ban2, fw1: unknown setting receiver_prt in role receiver",
        "hosts.yml:3: ban1: ansible_port must be a TCP port",
        "hosts.yml:3: ban2: ansible_user must be a string",
        "hosts.yml:4: fw1 has no ban_host",
    ]


def test_a_password_from_an_unset_environment_variable_is_an_error_only_for_verbs_that_connect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FW_PASSWORD", raising=False)
    (site,) = build(
        tmp_path,
        """
        ban_hosts: {hosts: {ban1: {ansible_password: "{{ common }}"}}}
        all: {vars: {common: "{{ lookup('env', 'FW_PASSWORD') }}"}}
        """,
    )
    (unset,) = site.ban_host.login.unset
    assert unset.message == "ansible_password: the environment variable FW_PASSWORD is not set"
    assert unset.remedy == "export FW_PASSWORD=..."


def test_no_error_shows_a_password(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        build(
            tmp_path,
            BAN.format(
                "ansible_password: [hunter2], ansible_become_password: {a: hunter2}, "
                "receiver_token: [hunter2]"
            ),
        )
    assert len(error.value.problems) == 3
    assert "hunter2" not in str(error.value)


def test_a_play_for_another_group_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"site\.py: no play for web; write ban_hosts or fortig"):
        build_sites(read_inventory(tmp_path, GOOD), (Play("web", (FEED,)),), Secrets())


def test_an_error_that_many_hosts_share_names_some_of_them(tmp_path: Path) -> None:
    hosts = ", ".join(f"ban{number}: " for number in range(1, 6))
    with pytest.raises(InputError) as error:
        build(tmp_path, f"ban_hosts: {{hosts: {{{hosts}}}, vars: {{receiver_port: x}}}}")
    (found,) = list_problems(error, tmp_path)
    assert found.startswith(
        "hosts.yml:1: ban1, ban2, ban3 and 2 more: receiver_port must be an integer (got 'x')"
    )
