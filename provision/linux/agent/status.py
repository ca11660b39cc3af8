"""The status of a ban host: the receiver's metrics, certificates and versions."""

from __future__ import annotations

import base64
import calendar
import os
import platform
import re
import time

from banstitch_shared import looked_up
from banstitch_shared.alarm_file import read_alarms

from provision.linux.agent.host import read, run
from provision.linux.agent.http_client import fetch
from provision.linux.agent.pem import read_certificate
from provision.linux.agent.protocol.answers import (
    ActiveAlarm,
    Alarm,
    Attacked,
    Remaining,
    StaleName,
    Status,
)
from provision.linux.agent.protocol.requests import ReadStatus
from provision.linux.agent.shield_state import read_shield_state
from provision.linux.agent.tokens_file import read_tokens


def read_status(request: ReadStatus) -> Status:
    """Return the receiver's metrics, empty where nobody answers, with all else that `status` shows."""
    known = read_alarms(request.rules, time.time())
    secret = (read_tokens(request.tokens) or {}).get(request.user, "")
    return Status(
        metrics=_fetch(request.url, request.certificate, request.user, secret),
        certificates={
            path: _count_days_left(path, authority) for path, authority in request.sealed.items()
        },
        filters=_check_filters(request.filters),
        alarms=[Alarm(*alarm) for alarm in known.alarms],
        attacked=[Attacked(*attacked) for attacked in known.attacked],
        shield=read_shield_state(request.rules),
        stale=_list_stale(request.names, request.looked_up) if request.names else [],
        active=_list_active(request.watch) if request.watch else [],
        versions={
            "debian": _read_debian_version(),
            "python": platform.python_version(),
            **_list_packages(),
        },
    )


def _list_active(folder: str) -> list[ActiveAlarm]:
    # only sites with alarms need it
    from banstitch_shared.alarm_notes import read_active

    found = read_active(folder)
    return [ActiveAlarm(*alarm) for alarm in found.alarms] if found else []


def _list_stale(names: list[str], path: str) -> list[StaleName]:
    try:
        sources = looked_up.read_sources(path)
    except (OSError, ValueError) as error:
        return [StaleName(name, 0, str(error)) for name in names]
    stale = looked_up.list_stale(sources, names, time.time())
    return [StaleName(name, source.at, source.error) for name, source in stale]


def _fetch(url: str, certificate: str, user: str, secret: str) -> str:
    login = base64.b64encode(f"{user}:{secret}".encode()).decode()
    headers = {"Authorization": "Basic " + login}
    answer = fetch(certificate, url, headers)
    return answer.body if 200 <= answer.status < 300 else ""


def _check_filters(unit: str) -> bool:
    """Return whether systemd filters addresses for ``unit``.

    systemd counts bytes with the same program in the kernel. If the kernel cannot run it, there is no count.
    """
    if not unit:
        return False
    shown = run(["systemctl", "show", unit, "-p", "IPIngressBytes", "--value"]).output.strip()
    return shown.isdigit() and int(shown) < 2**64 - 1 and _is_newer_than_its_filter(unit)


def _is_newer_than_its_filter(unit: str) -> bool:
    """Return whether a socket was created after its filter; an older socket is not filtered."""
    asked = ["systemctl", "show", unit, "-p", "ActiveEnterTimestamp", "--value"]
    shown = run(asked, TZ="UTC").output.strip()
    try:
        began = calendar.timegm(time.strptime(shown, "%a %Y-%m-%d %H:%M:%S UTC"))
        # systemd leaves out fractions of a second
        return began + 1 >= os.stat(f"/etc/systemd/system/{unit}.d/filter.conf").st_mtime
    except (OSError, ValueError):
        return False


def _count_days_left(path: str, authority: str) -> Remaining | None:
    found = read_certificate(path, authority)
    return Remaining(found.days_left) if found else None


def _read_debian_version() -> str:
    return (read("/etc/debian_version") or b"?").decode("utf-8", "replace").strip()


def _list_packages() -> dict[str, str]:
    shown = run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", "fail2ban", "gunicorn"])
    return dict(re.findall(r"^(\S+) (\S+)$", shown.output, re.M))
