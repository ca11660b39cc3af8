"""Describe a process so that an operator can find it."""

from __future__ import annotations

import os
import re

from provision.linux.agent.host import read

# The last part of a control group's path that is the name of a systemd unit.
_UNIT = re.compile(r"/([^/\n]+\.(?:service|scope|socket))(?:/|$)")


def describe(pid: int, age: bool = True) -> str:
    """Return a process's name, number, systemd unit and, with ``age``, how long it has been running."""
    if pid <= 0:
        return "a process outside this host"
    name = make_printable(_read_text(pid, "comm").strip())[:40] or "a process that has ended"
    about = [f"process {pid}"]
    of = find_unit(pid)
    if of:
        about.append(of)
    since = _measure_age(pid) if age else None
    if since is not None:
        about.append(f"started {since} s ago")
    return f"{name} ({', '.join(about)})"


def find_unit(pid: int) -> str:
    """Return the systemd unit that a process belongs to; empty if there is none."""
    found = _UNIT.findall(_read_text(pid, "cgroup"))
    return make_printable(found[-1]) if found else ""


def make_printable(text: str) -> str:
    """Return ``text`` on one line: users can give their processes any name."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _read_text(pid: int, what: str) -> str:
    try:
        return (read(f"/proc/{pid}/{what}") or b"").decode("utf-8", "replace")
    except OSError:  # it has just ended
        return ""


def _measure_age(pid: int) -> int | None:
    fields = _read_text(pid, "stat").rpartition(")")[2].split()
    uptime = (read("/proc/uptime") or b"").split()
    if len(fields) < 20 or not uptime:
        return None
    return max(0, int(float(uptime[0]) - int(fields[19]) / os.sysconf("SC_CLK_TCK")))
