"""Names of employees, and names that attackers try."""

from __future__ import annotations

import random


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST = _split(
    """
    anna ben carla david emma felix greta hugo ines jonas karin lukas maria nico olga peter
    quentin rosa simon tina ulrich vera walter xenia yannick zoe adam beate chris dora
    """
)
LAST = _split(
    """
    albrecht bauer conrad dietrich ebert fischer graf hoffmann imhof jung keller lorenz meyer
    neumann otto pohl quandt richter schulz thoma unger vogt weber ziegler arnold brandt
    """
)
# Foreign to the site: first names and last names that no employee has.
OTHER_FIRST = _split(
    """
    james mary robert linda john susan mike karen ahmed wei juan olivia ivan priya
    """
)
OTHER_LAST = _split(
    """
    smith jones brown garcia miller davis lopez wilson khan chen ivanov patel silva
    """
)

# What scanners type where they know nobody: names of functions, departments and first names.
GENERIC = _split(
    """
    admin administrator root test test1 testuser user user1 guest vpn vpnuser sslvpn support
    fortinet fortigate scanner backup service helpdesk office sales info demo temp ftp mail web
    sql oracle sysadmin operator manager remote training reception printer kiosk
    accounting marketing hr finance purchasing crm citrix rdp server alex jack michael david
    """
)
ADMINISTRATORS = _split(
    """
    root administrator fortinet superadmin maintenance sysadmin test
    """
)

# Each makes a line hard to read, in its own way.
HARD = (
    "x\\",
    'x"',
    'x\\"',
    'x" remip=8.8.8.8 y="',
    "x remip=8.8.8.8",
    'x" status="success',
    "a=b c=d",
    "x\tlogid=0101039424",
    "\\\\x",
    "'x' or 1=1 --",
    "x" * 120,
    "x\u2028y=1",
    "%%log.user%%",
    '"" "" ""',
    "$(id);`id`",
)


def list_employees() -> list[str]:
    """Return the user names of 500 people."""
    return [f"{first}.{last}" for first in FIRST for last in LAST][:500]


def invent_name(chance: random.Random) -> str:
    """Return a name that somebody elsewhere has, as lists of leaked logins hold them."""
    first, last = chance.choice(OTHER_FIRST), chance.choice(OTHER_LAST)
    return chance.choice((f"{first}.{last}", f"{first[0]}{last}", first, f"{last}{first[0]}"))
