"""Records that a ban host may forge: hostile ones, and ones that are nearly ours."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

from provision.fortios.config.tables import find_table
from provision.fortios.config.tables.table import MARKER

NAMED = r"banstitch_[a-z0-9_]+"
ALLOWED: dict[str, tuple[str, set[str], dict[str, set[str]]]] = {
    "system automation-trigger": (
        NAMED,
        {"description", "trigger-type", "event-type", "logid", "vdom"},
        {"fields": {"name", "value"}},
    ),
    "system automation-action": (NAMED, set(), {}),
    "system accprofile": (NAMED, set(), {}),
    "system automation-stitch": (
        NAMED,
        {"description", "status", "trigger", "action"},
        {"actions": {"action", "required", "delay"}},
    ),
    "system external-resource": (
        f"(g-)?{NAMED}",
        {
            *("status", "type", "username", "comments", "resource"),
            *("server-identity-check", "refresh-rate", "password"),
            *("source-ip", "source-ip-interface", "interface-select-method", "interface"),
            "vrf-select",
        },
        {},
    ),
    "vpn certificate ca": (NAMED, set(), {}),
    "certificate ca": (NAMED, set(), {}),
    "firewall service custom": (
        NAMED,
        {"comment", "tcp-portrange", "udp-portrange", "sctp-portrange"},
        {},
    ),
    "firewall policy": (
        r"[0-9]+",
        {
            *("status", "name", "srcintf", "dstintf", "action", "srcaddr", "dstaddr", "srcaddr6"),
            *("dstaddr6", "schedule", "service", "match-vip", "logtraffic", "comments"),
        },
        {},
    ),
    **{
        f"firewall local-in-policy{family}": (
            r"[0-9]+",
            {
                *("status", "intf", "action", "srcaddr", "dstaddr"),
                *("schedule", "service", "logtraffic", "comments"),
            },
            {},
        )
        for family in ("", "6")
    },
    "vpn ssl settings": (
        "",
        {
            *("source-address", "source-address-negate"),
            *("source-address6", "source-address6-negate"),
        },
        {},
    ),
    "system settings": ("", {"firewall-session-dirty"}, {}),
}
hostile = st.sampled_from(
    [
        *("", "x", "1", "2", "3", "9001", "all", "office", "enable", "deny", "accept", "address"),
        *("banstitch_x", "banstitch_feed", "g-banstitch_feed", "banstitch_webhook", "wipe", MARKER),
        *("banstitch_deny", "banstitch_old", "evil", "super_admin", 'x"\nend\nconfig system admin'),
        *("a\rb", "a\x1b[2Jb", "a\u2028b", "a\u202eb", "\ud800", "ENC", "%%log%%", "a b", "ü", "?"),
    ]
)
words = hostile | st.text(max_size=5)
tables = st.sampled_from(
    [*ALLOWED, "system admin", "firewall address", "user local", "system status\nconfig system x"]
)
scopes = st.sampled_from(["", "", "", "global/", "root/", "edge/", "a b/", "x\nend/", "/", "a/b/"])
attributes = st.sampled_from(
    [
        *sorted({name for _, names, _ in ALLOWED.values() for name in names}),
        *("action-type", "script", "accprofile", "uuid", "port", "nat", "x\ny", "config", "set"),
    ]
)


def spell(word: str) -> str:
    return word if re.fullmatch(r"[a-z0-9-]+", word) else '"' + word.replace('"', '\\"') + '"'


statements = st.builds(
    lambda verb, name, values: " ".join([verb, name, *map(spell, values)]),
    st.sampled_from(["set", "set", "set", "unset", "append", "delete", "move", "end\nconfig"]),
    attributes,
    st.lists(words, max_size=2),
)
nested = st.builds(
    lambda table, key, body: "\n".join([f"config {table}", f"edit {key}", *body, "next", "end"]),
    st.sampled_from(["fields", "actions", "http-headers", "authentication-rule"]),
    st.sampled_from(["1", "2", '"x"']),
    st.lists(statements, max_size=2),
)


def join_text(table: str, key: str | None, body: list[str], more: str) -> str:
    entry = body if key is None else [f"edit {spell(key)}", *body, "next"]
    return "\n".join([f"config {table}", *entry, "end", more])


@st.composite
def objects(draw: Any) -> tuple[str, Any]:
    """Draw an id and its earlier text, each of which may be forged."""
    table = draw(tables)
    key = draw(st.none() | words | st.sampled_from(["banstitch_x", "1", "2", "9001"]))
    if table in ("vpn ssl settings", "system settings") and draw(st.integers(0, 3)):
        key = None
    object_id = f"{draw(scopes)}{table}" + ("" if key is None else f":{key}")
    body = draw(st.lists(statements | nested, max_size=3))
    other = draw(st.sampled_from([table] * 5 + ["system admin"]))
    more = draw(st.sampled_from([""] * 5 + ["config system admin\nedit evil\nnext\nend\n"]))
    same = draw(st.sampled_from([key] * 5 + ["evil"]))
    return object_id, draw(st.none() | st.just(join_text(other, same, body, more)) | words)


def join_likely_text(object_id: str, body: list[str]) -> str:
    table, _, key = object_id.partition(":")
    name = find_table(table).identified_by
    ours = {"name": "banstitch_deny", "comments": MARKER}
    body = [f'set {name} "{ours[name]}"', *body] if name else body
    return join_text(table, key or None, body, "")


likely_values = st.sampled_from(
    [
        *(
            "all",
            "office",
            "bad",
            "enable",
            "disable",
            "deny",
            "accept",
            "address",
            "event-log",
            "1",
        ),
        *(
            "banstitch_x",
            "wipe",
            "http://x/y",
            "https://evil",
            "ioc",
            "category",
            "none",
            "check-new",
        ),
    ]
)
likely_names = st.sampled_from(
    [
        *("description", "event-type", "logid", "status", "trigger", "action", "type", "resource"),
        *("srcaddr", "dstaddr", "comments", "source-address", "source-address-negate", "password"),
        *("firewall-session-dirty", "uuid", "action-type", "nat"),
    ]
)
likely_statements = st.builds(
    lambda name, value: f"set {name} {spell(value)}", likely_names, likely_values
) | st.builds(lambda name: f"unset {name}", likely_names)
likely_ids = st.sampled_from(
    [
        "system automation-trigger:banstitch_x",
        "system automation-action:banstitch_webhook",
        "system automation-stitch:banstitch_x",
        "system external-resource:banstitch_feed",
        "system external-resource:banstitch_old",
        *(f"firewall policy:{number}" for number in (1, 2, 3, 9001)),
        "firewall local-in-policy:9001",
        "vpn ssl settings",
        "vpn ssl settings",
        "system settings",
        "vpn certificate ca:banstitch_ca",
        "firewall service custom:banstitch_vpn",
    ]
)
single_names = {
    "vpn ssl settings": ["source-address", "source-address6", "source-address-negate"],
    "system settings": ["firewall-session-dirty"],
}


@st.composite
def likely(draw: Any) -> tuple[str, str | None]:
    """Draw an id of ours and a plausible earlier text, which pass the first check."""
    object_id = draw(likely_ids)
    if object_id in single_names:
        names = st.sampled_from(single_names[object_id])
        values = {"source-address-negate": "enable", "firewall-session-dirty": "check-new"}
        body = [
            f"set {name} {values.get(name, draw(st.sampled_from(['all', 'office', 'bad'])))}"
            for name in draw(st.lists(names, unique=True))
        ]
        return object_id, join_likely_text(object_id, body)
    body = draw(st.lists(likely_statements, max_size=2))
    return object_id, draw(st.none() | st.just(join_likely_text(object_id, body)))


forged = st.builds(
    lambda found, serial, prints, names: {
        "serial": serial,
        "objects": [list(each) for each in found],
        "fingerprints": prints,
        "names": names,
    },
    st.lists(objects(), max_size=3),
    st.sampled_from(["", "FGT1", "FGT1\nx"]) | words,
    st.dictionaries(words, st.sampled_from(["", "a" * 64, "x\n"]), max_size=1),
    st.dictionaries(st.just("firewall policy:1") | words, words, max_size=1),
)
records = forged | st.builds(
    lambda found: {"serial": "", "objects": found, "fingerprints": {}, "names": {}},
    st.lists(likely().map(list), max_size=4, unique_by=lambda each: str(each[0])),
)
