"""Deploy, change and remove a real Debian ban host through site.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.labsite import LabSite
from tests.e2e.site_helpers import OPERATORS_JAIL, add_jail_of_operator

pytestmark = pytest.mark.lab
OURS = (
    "/etc/fail2ban/filter.d/banstitch.conf",
    "/etc/fail2ban/jail.d/banstitch.conf",
    "/etc/fail2ban/action.d/banstitch.py",
    "/etc/fail2ban/action.d/banstitch_bounds.py",
    "/etc/fail2ban/action.d/banstitch_spool.py",
    "/etc/banstitch/tokens.json",
    "/etc/banstitch/digests.json",
    "/etc/systemd/system/banstitch-receiver.service",
    "/etc/logrotate.d/banstitch",
    "/opt/banstitch/receiver/app.py",
    "/var/log/banstitch/events.log",
)


def test_apply_deploys_and_a_second_apply_costs_one_exec_and_touches_nothing(
    linux_site: LabSite,
) -> None:
    first = linux_site.run("apply", "-y", "--json")
    assert first.code == 0, first.err + first.out
    assert first.target("bh1")["state"] == "changed"
    stamps = linux_site.host.read_stamps(OURS)

    second = linux_site.run("apply", "-y", "--json")

    assert second.code == 0
    assert second.target("bh1")["state"] == "ok"
    assert second.target("bh1")["changes"] == []
    assert second.target("bh1")["execs"] == 1
    assert linux_site.host.read_stamps(OURS) == stamps
    assert linux_site.run("verify").code == 0


def test_plan_before_the_first_apply_lists_every_change_and_changes_nothing(
    linux_site: LabSite,
) -> None:
    before = linux_site.list_files()

    plan = linux_site.run("plan", "--json")

    assert plan.code == 2
    assert plan.target("bh1")["execs"] == 1
    assert linux_site.list_files() == before
    planned = plan.changes("bh1")
    assert planned == linux_site.run("apply", "-y", "--json").changes("bh1")


DRIFTS = {
    "a file edited": (
        "echo '# mine' >> /etc/fail2ban/filter.d/banstitch.conf",
        [
            ("update", "file:/etc/fail2ban/filter.d/banstitch.conf"),
            ("reload", "service:fail2ban.service"),
        ],
        "-# mine",
    ),
    "a jail changed": (
        "sed -i s/maxretry.*/maxretry=9/ /etc/fail2ban/jail.d/banstitch.conf",
        [
            ("update", "file:/etc/fail2ban/jail.d/banstitch.conf"),
            ("reload", "service:fail2ban.service"),
        ],
        "-maxretry=9",
    ),
    "a jail changed in the running server": (
        "fail2ban-client set banstitch-sslvpn_login_failed maxretry 9",
        [
            ("reload", "service:fail2ban.service"),
            ("update", "jail:banstitch-sslvpn_login_failed"),
        ],
        "-max_retry 9",
    ),
    "a mode changed": (
        "chmod 666 /etc/logrotate.d/banstitch",
        [("update", "file:/etc/logrotate.d/banstitch")],
        "-mode 0666\n+mode 0644",
    ),
    "an owner changed": (
        "chown nobody /etc/banstitch",
        [("update", "directory:/etc/banstitch")],
        "-owner nobody\n+owner root",
    ),
    "a file deleted": (
        "rm /etc/logrotate.d/banstitch",
        [("create", "file:/etc/logrotate.d/banstitch")],
        "+++ /etc/logrotate.d/banstitch",
    ),
    "a unit stopped": (
        "systemctl stop banstitch-receiver",
        [("start", "service:banstitch-receiver.service")],
        "",
    ),
    "a unit disabled": (
        "systemctl disable --quiet banstitch-receiver",
        [("enable", "service:banstitch-receiver.service")],
        "",
    ),
    "fail2ban stopped": (
        "systemctl stop fail2ban",
        [
            ("start", "service:fail2ban.service"),
            ("start", "jail:banstitch-sslvpn_login_failed"),
        ],
        "",
    ),
    "the log open to everybody": (
        "chmod 666 /var/log/banstitch/events.log",
        [("update", "file:/var/log/banstitch/events.log")],
        "+mode 0660",
    ),
    "a digest that is not the token's": (
        "sed -i s/[0-9]/f/g /etc/banstitch/digests.json",
        [("update", "digests:/etc/banstitch/digests.json")],
        "",
    ),
}


def test_plan_finds_each_drift_and_apply_repairs_only_that(deployed: LabSite) -> None:
    for name, (command, changes, diff) in DRIFTS.items():
        deployed.host.console(command, check=True)
        stamps = deployed.host.read_stamps(OURS)

        plan = deployed.run("plan", "--json")
        assert plan.code == 2, name
        assert plan.changes("bh1") == changes, name
        assert diff in "\n".join(c["diff"] for c in plan.target("bh1")["changes"]), name

        assert deployed.run("apply", "-y").code == 0, name
        moved = {
            p for p, stamp in deployed.host.read_stamps(OURS).items() if stamps.get(p) != stamp
        }
        named = {identity.partition(":")[2] for _, identity in changes}
        assert moved <= named, name
    assert deployed.run("plan").code == 0


def test_a_user_without_its_group_gets_it_back(deployed: LabSite) -> None:
    """A power cut can end useradd between two of its files."""
    before = deployed.host.console("getent group banstitch", check=True).stdout
    deployed.host.console("sed -i /^banstitch:/d /etc/group /etc/gshadow", check=True)

    assert ("create", "user:banstitch") in deployed.run("plan", "--json").changes("bh1")
    again = deployed.run("apply", "-y")

    assert again.code == 0, again.out + again.err
    assert deployed.host.console("getent group banstitch", check=True).stdout == before
    assert deployed.run("plan").code == 0
    assert deployed.run("verify").code == 0


def test_a_removed_package_is_installed_again(deployed: LabSite) -> None:
    deployed.host.console("apt-get remove -y -q gunicorn", check=True)

    plan = deployed.run("plan", "--json")

    assert ("install", "package:gunicorn") in plan.changes("bh1")
    assert deployed.run("apply", "-y").code == 0
    assert deployed.run("verify").code == 0


def test_teardown_leaves_a_host_with_its_own_fail2ban_as_it_was(linux_site: LabSite) -> None:
    add_jail_of_operator(linux_site)
    before = linux_site.list_files()
    assert linux_site.run("apply", "-y").code == 0
    assert "mine" in linux_site.host.console("fail2ban-client status", check=True).stdout

    gone = linux_site.run("teardown", "-y", "--json")

    assert gone.code == 0, gone.out + gone.err
    assert linux_site.list_files() == before
    jails = linux_site.host.console("fail2ban-client status", check=True).stdout
    assert "mine" in jails
    assert "banstitch" not in jails
    again = linux_site.run("teardown", "-y", "--json")
    assert (again.code, again.target("bh1")["state"]) == (0, "ok")


def test_a_file_that_is_not_ours_is_a_conflict_until_adopted_and_comes_back(
    linux_site: LabSite,
) -> None:
    linux_site.host.console("echo theirs > /etc/logrotate.d/banstitch", check=True)
    before = linux_site.list_files()

    refused = linux_site.run("apply", "-y", "--json")
    assert refused.code == 1
    assert "/etc/logrotate.d/banstitch exists" in refused.target("bh1")["error"]
    assert "--adopt" in refused.target("bh1")["error"]
    assert linux_site.list_files() == before

    assert linux_site.run("apply", "-y", "--adopt").code == 0
    assert linux_site.run("plan").code == 0
    assert linux_site.run("teardown", "-y").code == 0
    assert linux_site.host.read("/etc/logrotate.d/banstitch") == "theirs\n"


def test_apply_rolls_back_and_prints_the_error_of_fail2ban_if_another_jail_is_broken(
    linux_site: LabSite,
) -> None:
    add_jail_of_operator(linux_site)
    broken = OPERATORS_JAIL.replace("filter = sshd", "filter = no-such-filter")
    linux_site.host.console(f"cat > /etc/fail2ban/jail.local <<'E'\n{broken}E", check=True)
    before = linux_site.list_files()

    failed = linux_site.run("apply", "-y", "--json")

    assert failed.code == 1
    assert "no-such-filter" in failed.target("bh1")["error"]
    assert "everything is as it was before the run" in failed.target("bh1")["error"]
    assert linux_site.list_files() == before
    assert "mine" in linux_site.host.console("fail2ban-client status", check=True).stdout
    receiver = linux_site.host.console("systemctl is-active banstitch-receiver").stdout.strip()
    assert receiver == "inactive"


def test_apply_to_a_port_in_use_fails_and_the_receiver_keeps_its_old_port(
    deployed: LabSite,
) -> None:
    before = deployed.list_files()
    address = deployed.host.address
    taken = f"systemd-run --unit taken python3 -m http.server 5066 --bind {address}"
    deployed.host.console(taken, check=True)
    deployed.host.console(f"until ss -tln | grep -q {address}:5066; do :; done", check=True)

    moved = deployed.run("apply", "-y", "-e", "receiver_port=5066", "--json")

    assert moved.code == 1
    assert f"{address}:5066 is taken by python3 (process " in moved.target("bh1")["error"]
    assert deployed.list_files() == before
    assert deployed.run("verify").code == 0


def test_sudo_works_with_and_without_a_password(tmp_path: Path, ready_root: Path) -> None:
    with LabSite(tmp_path / "inventory", ready_root, user="deploy") as site:
        ran = site.run("apply", "-y")
        assert ran.code == 0, ran.out + ran.err
        assert site.run("plan").code == 0
        login = ("ansible_user=admin", f"ansible_become_password={site.host.password}")
        asked = [part for each in (*login, "detection_max_retry=4") for part in ("-e", each)]
        ran = site.run("apply", "-y", *asked)
        assert ran.code == 0, ran.out + ran.err
        assert site.run("plan", *asked).code == 0


TRAPS = ("json.py", "os.py", "pickle.py", "sitecustomize.py", "usercustomize.py", "provision.py")


def test_nothing_in_the_home_of_the_login_runs_as_root(tmp_path: Path, ready_root: Path) -> None:
    """Whoever can write there without knowing the password for sudo must not become root."""
    with LabSite(tmp_path / "inventory", ready_root, user="admin") as site:
        for trap in TRAPS:
            site.host.write(f"/home/admin/{trap}", "open('/root/sprung', 'w')\n")
        said = site.run("plan")
        assert said.code == 2, said.out + said.err
        assert site.host.console("ls /root/sprung").returncode != 0
