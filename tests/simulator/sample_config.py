"""A realistic configuration, as text, of an office FortiGate that has been in use for years.

Made up, always the same for the same arguments; shaped like published configurations: factory
stitches with `\\'`, comments with quotes, scripts, certificates and replacement messages of many
lines, secrets as `ENC`. About 3,000 lines; `vdoms` gives the multi-VDOM form with its header.
"""

import base64
import random
from collections.abc import Iterator, Sequence

VERSION_LINE = (
    "#config-version=FG5H1E-{version}-FW-build2795-250523:opmode=0:vdom={multi}:user=admin"
)
TOWNS = ("Oslo", "Graz", "Lyon", "Porto", "Gdansk", "Turku", "Bergen", "Leeds")
REMARKS = (
    r"Ticket 4711: \"temporary\", since 2019",
    r"Don\'t touch - ask Meier",
    r"C:\\share\\scans -> archive",
    "50% of #guests & <visitors>",
    "Z\u00fcrich / Gen\u00e8ve",
)


def sample(version: str = "7.4.8", vdoms: Sequence[str] = ()) -> str:
    """Return the whole `show` of the FortiGate; `vdoms` beside root, () for a FortiGate without."""
    head = [
        VERSION_LINE.format(version=version, multi=int(bool(vdoms))),
        "#conf_file_ver=1203456789012345",
        "#buildno=2795",
        "#global_vdom=1",
    ]
    if not vdoms:
        return "\n".join([*head, *_global("root"), *_vdom("root", 130)]) + "\n"
    names = ["root", *vdoms]
    lines = [*head, "", "config vdom"]
    for name in names:
        lines += [f"edit {name}", "next"]
    lines += ["end", "", "config global", *_global(*names), "end"]
    for name in names:
        lines += ["", "config vdom", f"edit {name}", *_vdom(name, 105 // len(names)), "end"]
    return "\n".join(lines) + "\n"


def _table(path: str, rows: dict[str, list[str]]) -> Iterator[str]:
    yield f"config {path}"
    for key, body in rows.items():
        yield f"    edit {key}"
        yield from (f"        {line}" for line in body)
        yield "    next"
    yield "end"


def _single(path: str, *body: str) -> list[str]:
    return [f"config {path}", *(f"    {line}" for line in body), "end"]


def _uuid(number: int) -> str:
    return f"set uuid 9f0c6a4e-52b1-51ee-8d3a-{number:012x}"


def _blob(seed: str, size: int = 48) -> str:
    return base64.b64encode(random.Random(seed).randbytes(size)).decode()


def _pem(kind: str, seed: str, lines: int) -> str:
    body = [_blob(f"{seed} {number}") for number in range(lines)]
    return "\n".join([f'"-----BEGIN {kind}-----', *body, f'-----END {kind}-----"'])


def _global(*vdoms: str) -> Iterator[str]:
    yield from _single(
        "system global",
        "set admintimeout 30",
        'set alias "FortiGate-501E"',
        'set hostname "FW-HQ"',
        'set timezone "Europe/Berlin"',
    )
    yield from _table("system interface", dict(_interfaces(vdoms)))
    yield from _table("system admin", _admins(vdoms))
    yield from _single("system console", "set output standard")
    yield from _replacemsg()
    yield from _automation()
    yield from _table("system auto-script", {'"nightly"': _script()})
    yield from _table("vpn certificate local", _certificates())
    yield from _table("ips custom", {f'"sig-{n}"': _signature(n) for n in range(12)})


def _interfaces(vdoms: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    names = ["port1", "port2", *(f"vlan{100 + n}" for n in range(40))]
    for number, name in enumerate(names):
        vlan = name.startswith("vlan")
        yield (
            f'"{name}"',
            [
                f'set vdom "{vdoms[number % len(vdoms)] if vlan else vdoms[0]}"',
                f"set ip 10.{number}.0.1 255.255.255.0",
                "set allowaccess ping https ssh" if number < 2 else "set allowaccess ping",
                *([] if vlan else ["set type physical"]),
                f'set alias "{TOWNS[number % len(TOWNS)]} {number}"',
                f"set snmp-index {number + 1}",
            ],
        )


def _admins(vdoms: Sequence[str]) -> dict[str, list[str]]:
    return {
        f'"{name}"': [
            'set accprofile "super_admin"',
            f'set vdom "{vdoms[0]}"',
            "config gui-dashboard",
            *(f"    {line}" for line in _dashboard()),
            "end",
            f"set password ENC {_blob(name)}",
        ]
        for name in ("admin", "meier", "backup")
    }


def _dashboard() -> Iterator[str]:
    for number in range(1, 5):
        yield f"edit {number}"
        yield f'    set name "Status {number}"'
        yield "    config widget"
        for widget in range(1, 4):
            yield f"        edit {widget}"
            yield f"            set x-pos {widget}"
            yield "            set width 1"
            yield "        next"
        yield "    end"
        yield "next"


def _replacemsg() -> list[str]:
    page = [
        "<html>",
        '  <body class=\\"page\\">',
        "    <p>It\\'s blocked: %%URL%%</p>",
        "    end",
        "    next",
        "    config nothing",
        "  </body>",
        "</html>",
    ]
    return [
        'config system replacemsg http "url-block"',
        '    set buffer "' + "\n".join(page) + '\n"',
        "    set header http",
        "end",
    ]


def _automation() -> Iterator[str]:
    what = {
        "Reboot": "A FortiGate\\'s reboot has started.",
        "HA Failover": "A HA failover has occurred.",
        "License Expired": 'The \\"license\\" is near its end.',
    }
    yield from _table(
        "system automation-trigger",
        {
            f'"{name}"': [f'set description "{text}"', "set event-type reboot"]
            for name, text in what.items()
        },
    )
    yield from _table(
        "system automation-action",
        {
            '"Backup Config Disk"': [
                'set description "Backup this FortiGate\\\'s configuration file to disk."',
                "set action-type system-actions",
                "set system-action backup-config",
            ],
            '"Chat"': [
                "set action-type webhook",
                "set protocol https",
                'set uri "chat.example.net/hooks/1"',
                'set http-body "{\\"text\\":\\"%%log.action%% on %%devname%%\\"}"',
                "set port 443",
                "config http-headers",
                "    edit 1",
                '        set key "Content-Type"',
                '        set value "application/json"',
                "    next",
                "end",
            ],
        },
    )
    yield from _table(
        "system automation-stitch",
        {
            f'"{name}"': [
                "set status disable",
                f'set trigger "{name}"',
                "config actions",
                "    edit 1",
                '        set action "Backup Config Disk"',
                "        set required enable",
                "    next",
                "end",
            ]
            for name in what
        },
    )


def _script() -> list[str]:
    lines = ["config system global", "    set admintimeout 5", "end", "get system status"]
    return ["set interval 86400", "set repeat 0", 'set script "' + "\n".join(lines) + '"']


def _certificates() -> dict[str, list[str]]:
    return {
        f'"{name}"': [
            f"set password ENC {_blob(name)}",
            f'set comments "{REMARKS[number % len(REMARKS)]}"',
            f"set private-key {_pem('ENCRYPTED PRIVATE KEY', f'{name} key', 18)}",
            f"set certificate {_pem('CERTIFICATE', f'{name} cert', 22)}",
        ]
        for number, name in enumerate(("Fortinet_Factory", "vpn.example.net", "wildcard-2025"))
    }


def _signature(number: int) -> list[str]:
    rule = f'F-SBID( --name \\"s{number}\\"; --pattern \\"|0a {number:02d}|\\"; --no_case; )'
    return [f'set signature "{rule}"', f'set comment "{REMARKS[number % len(REMARKS)]}"']


def _vdom(name: str, count: int) -> Iterator[str]:
    yield from _single("system settings", f'set comments "{name}"')
    yield from _table("firewall address", dict(_addresses(count)))
    yield from _table(
        "firewall addrgrp",
        {
            f'"Group {n}"': [
                _uuid(20000 + n),
                "set member " + " ".join(f'"host {m}"' for m in range(n, n + 5)),
                f'set comment "{REMARKS[n % len(REMARKS)]}"',
            ]
            for n in range(1, count // 6)
        },
    )
    yield from _table(
        "firewall service custom",
        {
            '"ALL"': ['set category "General"', "set protocol IP"],
            '"HTTPS"': ['set category "Web Access"', "set tcp-portrange 443"],
            **{f'"tcp-{8000 + n}"': [f"set tcp-portrange {8000 + n}"] for n in range(count // 4)},
        },
    )
    yield from _table("firewall schedule recurring", {'"always"': ["set day sunday monday"]})
    yield from _table("vpn ssl web portal", {'"full"': ["set web-mode enable"]})
    yield from _single(
        "vpn ssl settings",
        "set login-attempt-limit 3",
        'set servercert "vpn.example.net"',
        "set port 8443",
        'set source-interface "port1"',
        'set default-portal "full"',
    )
    yield from _table("firewall policy", dict(_policies(count)))
    yield from _table("router static", {str(n): _route(n) for n in range(1, count // 4)})


def _addresses(count: int) -> Iterator[tuple[str, list[str]]]:
    yield '"all"', [_uuid(1)]
    for number in range(1, count + 10):
        yield (
            f'"host {number}"',
            [
                _uuid(1000 + number),
                *([f'set comment "{REMARKS[number % len(REMARKS)]}"'] if number % 3 == 0 else []),
                f"set subnet 10.{number // 250}.{number % 250}.0 255.255.255.0",
            ],
        )


def _policies(count: int) -> Iterator[tuple[str, list[str]]]:
    for number in range(1, count):
        yield (
            str(number * 3),
            [
                f'set name "{TOWNS[number % len(TOWNS)]} {number}"',
                _uuid(50000 + number),
                'set srcintf "port2"',
                'set dstintf "port1"',
                "set action accept",
                f'set srcaddr "host {number}" "host {number + 1}"',
                'set dstaddr "all"',
                'set schedule "always"',
                'set service "HTTPS"',
                *([f'set comments "{REMARKS[number % len(REMARKS)]}"'] if number % 2 else []),
                "set nat enable",
            ],
        )


def _route(number: int) -> list[str]:
    return [f"set dst 172.16.{number}.0 255.255.255.0", f"set gateway 10.0.0.{number}"]
