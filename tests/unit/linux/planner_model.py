"""A desired state with one resource of each kind, and hosts that never had it."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from provision.linux.agent.protocol.ids import ResourceId
from provision.linux.agent.protocol.wire import to_json
from provision.linux.draft import LinuxPlan
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.file import File
from provision.linux.kinds.jail import Jail
from provision.linux.kinds.package import Package
from provision.linux.kinds.resource import Resource
from provision.linux.kinds.service import Service
from provision.linux.kinds.tokens import Tokens
from provision.linux.kinds.user import User
from provision.linux.planner import plan
from tests.unit.linux.linux_model import Host, directory_state, file_state

APP, JAIL, LOG = "/opt/x/app.py", "/etc/fail2ban/jail.d/x.conf", "/var/log/x/events.log"
UNIT = "/etc/systemd/system/x.service"
DESIRED: tuple[Resource, ...] = (
    Package("fail2ban"),
    Package("python3-flask"),
    File("/etc/fail2ban/jail.d/sshd.conf", "[sshd]", when="sshd_jail_without_log"),
    User("x"),
    Directory("/etc/x"),
    Directory("/var/log/x", 0o750, "x", "x", data=True),
    Tokens("/etc/x/tokens.json", ("a", "b"), 0o640, "root", "x"),
    File(LOG, None, 0o640, "x", "x"),
    File(JAIL, "[x]\nmaxretry = 3\n"),
    File(APP, "print('ü')\n", check="python"),
    File(UNIT, "[Unit]\n", check="systemd-unit"),
    Service(
        "x.service",
        restart_on=(ResourceId("file", APP), ResourceId("file", UNIT)),
        answers="http://127.0.0.1/",
    ),
    Service(
        "fail2ban.service", reload_on=(ResourceId("file", JAIL),), reload_command=("f2b", "reload")
    ),
    Jail("x", 3, 600, 3600, "/var/spool/banstitch/x.bans"),
)
CHANGEABLE = ("/etc/fail2ban/jail.d/sshd.conf", "/etc/x/tokens.json", JAIL, APP, UNIT)
RUNNING = {"exists": True, "enabled": True, "active": True, "stale": False, "answers": True}
foreign_files = st.dictionaries(
    st.sampled_from(CHANGEABLE),
    st.builds(
        file_state,
        st.text(max_size=20),
        st.sampled_from([0o600, 0o644]),
        st.sampled_from(["root", "nobody"]),
    ),
)


@st.composite
def hosts(draw: st.DrawFn, foreign: bool = True) -> Host:
    """Draw a host without a deployment, perhaps with foreign objects in the way."""
    host = Host(facts={"sshd_jail_without_log": draw(st.booleans())})
    host.packages = draw(st.sets(st.sampled_from(["fail2ban", "python3-flask", "vim"])))
    if "fail2ban" in host.packages:
        host.services["fail2ban.service"] = draw(
            st.sampled_from([RUNNING, {**RUNNING, "active": False, "answers": False}])
        )
    if draw(st.booleans()):
        modes = st.sampled_from([0o755, 0o700] if foreign else [0o755])
        host.paths["/etc/x"] = directory_state(draw(modes))
    if foreign:
        host.users = draw(st.sets(st.sampled_from(["x", "root"])))
        host.paths.update(copy.deepcopy(draw(foreign_files)))
    return host


def deploy(host: Host | None = None) -> Host:
    host = host or Host()
    host.carry_out(plan_desired(host, adopt=True))
    return host


def plan_desired(
    host: Host, adopt: bool = False, desired: tuple[Resource, ...] = DESIRED
) -> LinuxPlan:
    return plan(desired, host.observed(desired), adopt)


def list_ids(found: LinuxPlan) -> list[tuple[str, str]]:
    return [(change.action, change.id) for change in found.changes]


def list_steps(found: LinuxPlan) -> list[dict[str, Any]]:
    """Return the steps as they are sent."""
    sent: list[dict[str, Any]] = to_json(found.steps)
    return sent


def find_step(found: LinuxPlan, word: str) -> dict[str, Any]:
    (only,) = [each for each in list_steps(found) if each["do"] == word]
    return only
