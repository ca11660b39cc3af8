"""Tables of automation: triggers, actions, stitches.

Sources beside the schema: KB 403001 (`minimum-interval` drops the events of all addresses), KB 201980
(`required`, `delay` in an action), FortiOS CLI reference 8.0.0.
"""

from __future__ import annotations

from provision.fortios.config.tables.table import (
    BOTH_SCHEMAS,
    NUMBER,
    OUR_NAME,
    SCHEMA,
    SWITCH,
    TEXT,
    Capability,
    Table,
)

TRIGGER = Table(
    "system automation-trigger",
    keys=OUR_NAME,
    mark="description",
    scope="global",
    sizes={"": 35, "description": 255},
    defaults={
        "trigger-type": "event-based",
        "event-type": "ioc",
        "license-type": "forticare-support",
        "trigger-frequency": "daily",
        "trigger-hour": "1",
        "trigger-minute": "0",
    },
    always_ours=(
        "trigger-type",
        "event-type",
        "logid",
        "vdom",  # events of other VDOMs are lost
    ),
    our_tables=frozenset({"fields"}),
    restores={
        "description": TEXT,
        "trigger-type": "event-based",
        "event-type": "event-log",
        "logid": NUMBER,
        "vdom": r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,30}",
    },
    referrers=("system automation-stitch",),
    inner=(Table("fields", always_ours=("name", "value"), restores={"name": TEXT, "value": TEXT}),),
    capabilities=(
        Capability(
            "several_log_ids",
            "7.0-",
            "a trigger takes several log ids",
            "one trigger and one stitch for each log id",
            SCHEMA,
        ),
        Capability(
            "description",
            "7.0-",
            "triggers, actions and stitches have a 'description'",
            "they are known by their names, which begin with banstitch_",
            SCHEMA,
        ),
        Capability(
            "trigger_vdom",
            "7.2-",
            "a trigger can be limited to some VDOMs ('vdom')",
            "events of all its VDOMs count",
            SCHEMA,
        ),
    ),
)

# `action-type` decides what the other attributes mean, so memory restores none of them.
ACTION = Table(
    "system automation-action",
    keys=OUR_NAME,
    mark="description",
    scope="global",
    # of http-body the size that all builds of a version share
    sizes={
        "": 64,
        "description": 255,
        "uri": 1023,
        "http-body": 1023,
        "headers": 255,
        "script": 1023,
    },
    ordered=frozenset({"headers"}),
    defaults={
        "action-type": "alert",
        "minimum-interval": "0",
        "protocol": "http",
        "method": "post",
        "port": "0",
        "verify-host-cert": "enable",
        "message-type": "text",
        "message": "%%log%%",
        "replacement-message": "disable",
        "execute-security-fabric": "disable",
        "timeout": "0",
        "delay": "0",
        "required": "disable",
    },
    always_ours=(
        "action-type",
        "minimum-interval",  # events within it are lost, whatever their address
        "delay",  # bans come late
        "required",
        "protocol",
        "method",
        "uri",
        "http-body",
        "port",
        "headers",
        "message-type",  # form-data sends another body
        "verify-host-cert",  # the token could be read on the way
        "script",
        "accprofile",
        "timeout",  # a script that is stopped fetches nothing
        "execute-security-fabric",  # the script would run on FortiGates without our feed
    ),
    our_tables=frozenset({"http-headers", "form-data"}),
    referrers=("system automation-stitch",),
    inner=(
        Table("http-headers", sizes={"key": 1023, "value": 4095}, always_ours=("key", "value")),
    ),
    capabilities=(
        Capability(
            "http_headers",
            "7.0.6-7.0, 7.2.1-",
            "a webhook has a table 'config http-headers'",
            "a list 'set headers' of \"Name:Value\"",
            SCHEMA,
        ),
        Capability(
            "verify_host_cert",
            "7.0-",
            "a webhook can check the receiver's certificate ('verify-host-cert')",
            "the certificate is not checked",
            SCHEMA,
        ),
    ),
)

STITCH = Table(
    "system automation-stitch",
    keys=OUR_NAME,
    mark="description",
    scope="global",
    sizes={"": 35, "description": 255},
    defaults={"status": "enable", "condition-logic": "and"},
    always_ours=(
        "status",
        "trigger",
        "action",
        "destination",  # members of a Security Fabric that report nothing
        "condition*",  # further conditions
    ),
    our_tables=frozenset({"actions"}),
    restores={"description": TEXT, "status": SWITCH, "trigger": OUR_NAME, "action": OUR_NAME},
    referrers=("system automation-trigger",),
    inner=(
        Table(
            "actions",
            defaults={"delay": "0", "required": "disable"},
            always_ours=("action", "delay", "required"),
            restores={"action": OUR_NAME, "required": SWITCH, "delay": NUMBER},
        ),
    ),
    capabilities=(
        Capability(
            "stitch_actions",
            "7.0.1-",
            "a stitch has a table 'config actions'",
            "a list 'set action', while required and delay belong to the action",
            BOTH_SCHEMAS,
        ),
    ),
)

# The rights of a script. Nothing in it is restored from memory, as it decides what a script may do.
PROFILE = Table(
    "system accprofile",
    keys=OUR_NAME,
    mark="comments",
    scope="global",
    sizes={"": 35, "comments": 255},
    defaults={
        "scope": "vdom",
        "secfabgrp": "none",
        "ftviewgrp": "none",
        "authgrp": "none",
        "sysgrp": "none",
        "netgrp": "none",
        "loggrp": "none",
        "fwgrp": "none",
        "vpngrp": "none",
        "utmgrp": "none",
        "wanoptgrp": "none",
        "wifi": "none",
        "admintimeout-override": "disable",
        "cli-diagnose": "disable",
        "cli-get": "disable",
        "cli-show": "disable",
        "cli-exec": "disable",
        "cli-config": "disable",
        "system-execute-ssh": "enable",
        "system-execute-telnet": "enable",
    },
    referrers=("system automation-action",),
    capabilities=(
        Capability(
            "profile_cli_exec",
            "7.4.2-",
            "an access profile permits `execute` apart ('cli-exec')",
            "the groups of the profile decide",
            "KB 300795",
        ),
    ),
)
