"""The catalog of the loop itself: triggers, actions, stitches and external resources.

Sources: the vendor's machine-readable schemas (Ansible collection, Terraform provider) and the CLI
references of 7.2 and 8.0. Attributes are listed in the order of `show`.
"""

from tests.simulator.schema import EVERY, Attribute, Table, flag, options

_EVENT_TYPES = options(
    "ioc event-log reboot low-memory high-cpu license-near-expiry ha-failover config-change "
    "security-rating-summary virus-ips-db-updated",
    faz_event="6.2-",
    incoming_webhook="6.4-",
    fabric_event="7.0-",
    ips_logs="7.2.0-",
    anomaly_logs="7.2.0-",
    virus_logs="7.2.0-",
    ssh_logs="7.2.0-",
    webfilter_violation="7.2.0-",
    traffic_violation="7.2.0-",
    local_cert_near_expiry="7.2.1-",
    stitch="7.6.1-",
)
_LOG = ("event-type", "event-log")
_SCHEDULED = ("trigger-type", "scheduled")

TRIGGER = Table(
    "system automation-trigger",
    "string",
    attributes=(
        Attribute("description", size=255, versions="7.0.0-"),
        Attribute("trigger-type", "option", 0, "event-based", options("event-based scheduled")),
        Attribute("event-type", "option", 0, "ioc", _EVENT_TYPES),
        Attribute("vdom", "refs", refers={"system vdom": EVERY}, versions="7.2.0-"),
        Attribute(
            "license-type",
            "option",
            0,
            "forticare-support",
            options("forticare-support fortiguard-webfilter any"),
            when=("event-type", "license-near-expiry"),
        ),
        Attribute("logid", "integer", (1, 99999), versions="-6.4", when=_LOG),
        Attribute("logid", "integers", (1, 65535), versions="7.0.0-", when=_LOG),
        Attribute(
            "trigger-frequency",
            "option",
            0,
            "daily",
            options("hourly daily weekly monthly", once="7.2.1-"),
            when=_SCHEDULED,
        ),
        Attribute("trigger-day", "integer", (1, 31), when=_SCHEDULED),
        Attribute("trigger-hour", "integer", (0, 23), "1", when=_SCHEDULED),
        Attribute("trigger-minute", "integer", (0, 59), "0", when=_SCHEDULED),
        Attribute("serial", size=255, versions="7.0-", when=("event-type", "fabric-event")),
    ),
    tables=(
        Table(
            "fields",
            "integer",
            attributes=(Attribute("name", size=35), Attribute("value", size=255)),
            versions="6.2.0-",
        ),
    ),
)

_WEBHOOK = ("action-type", "webhook")
_SCRIPT = ("action-type", "cli-script", "diagnose-script")
_MAIL = (
    "action-type",
    "email",
    "slack-notification",
    "microsoft-teams-notification",
    "fortinotification",
)
_METHODS = options("post put get", patch="6.2-", delete="6.2-")

ACTION = Table(
    "system automation-action",
    "string",
    64,
    attributes=(
        Attribute("description", size=255, versions="7.0.0-"),
        Attribute(
            "action-type",
            "option",
            0,
            "alert",
            options(
                "email alert disable-ssid quarantine quarantine-forticlient quarantine-nsx ban-ip "
                "aws-lambda azure-function google-cloud-function alicloud-function webhook",
                ios_notification="6.0-6.4.4",
                cli_script="6.2-",
                slack_notification="6.4-",
                microsoft_teams_notification="7.0-",
                fortinotification="7.0-",
                quarantine_fortinac="7.0-",
                system_actions="7.2.1-",
                diagnose_script="7.6.1-",
                regular_expression="7.6.1-",
            ),
        ),
        Attribute(
            "system-action",
            "option",
            0,
            "",
            options("reboot shutdown backup-config"),
            versions="7.2.1-",
            when=("action-type", "system-actions"),
        ),
        Attribute(
            "tls-certificate",
            "ref",
            35,
            refers={"vpn certificate local": EVERY},
            versions="6.2.0-",
            when=_WEBHOOK,
        ),
        Attribute("email-to", "strings", 255, when=("action-type", "email")),
        Attribute("email-subject", size=511, when=("action-type", "email")),
        Attribute("minimum-interval", "integer", (0, 2592000), "0"),
        Attribute("delay", "integer", (0, 3600), "0", versions="-7.0.0"),
        flag("required", "disable", "-7.0.0"),
        Attribute("protocol", "option", 0, "http", options("http https"), when=_WEBHOOK),
        Attribute("method", "option", 0, "post", _METHODS, when=_WEBHOOK),
        Attribute(
            "uri", size=1023, when=(*_WEBHOOK, "slack-notification", "microsoft-teams-notification")
        ),
        Attribute("http-body", size=4095, when=_WEBHOOK),
        Attribute("port", "integer", (1, 65535), "0", when=_WEBHOOK),
        Attribute("headers", "strings", 255, versions="-7.0.5 7.2.0-7.2.0", when=_WEBHOOK),
        flag("verify-host-cert", "enable", "7.0.0-", _WEBHOOK),
        Attribute(
            "message-type",
            "option",
            0,
            "text",
            options("text json", form_data="7.6.4-"),
            versions="7.0-",
            when=_MAIL,
        ),
        Attribute("message", size=4095, default="%%log%%", versions="6.4-", when=_MAIL),
        flag("replacement-message", "disable", "7.0-", _MAIL),
        Attribute("script", size=1023, versions="6.2-", when=_SCRIPT),
        Attribute("output-size", "integer", (1, 1024), "10", versions="7.2.0-", when=_SCRIPT),
        Attribute("timeout", "integer", (0, 300), "0", versions="7.2.0-", when=_SCRIPT),
        Attribute(
            "accprofile",
            "ref",
            35,
            refers={"system accprofile": EVERY},
            versions="7.0-",
            when=_SCRIPT,
        ),
        flag("execute-security-fabric", "disable", "7.0.2-", _SCRIPT),
    ),
    tables=(
        Table(
            "http-headers",
            "integer",
            attributes=(Attribute("key", size=1023), Attribute("value", size=4095)),
            versions="7.0.6-7.0 7.2.1-",
        ),
        Table(
            "form-data",
            "integer",
            attributes=(Attribute("key", size=1023), Attribute("value", size=4095)),
            versions="7.6.4-",
        ),
    ),
)

_ACTION_REF = {"system automation-action": EVERY}
STITCH = Table(
    "system automation-stitch",
    "string",
    attributes=(
        Attribute("description", size=255, versions="7.0.0-"),
        flag("status", "enable"),
        Attribute("trigger", "ref", 35, refers={"system automation-trigger": EVERY}, required=True),
        Attribute(
            "condition", "refs", refers={"system automation-condition": EVERY}, versions="7.6.1-"
        ),
        Attribute("condition-logic", "option", 0, "and", options("and or"), versions="7.6.1-"),
        Attribute("action", "refs", 64, refers=_ACTION_REF, versions="-7.0.0"),
        Attribute("destination", "refs", 79, refers={"system automation-destination": EVERY}),
    ),
    tables=(
        Table(
            "actions",
            "integer",
            attributes=(
                Attribute("action", "ref", 64, refers=_ACTION_REF, required=True),
                Attribute("delay", "integer", (0, 3600), "0"),
                flag("required", "disable"),
            ),
            versions="7.0.1-",
        ),
    ),
)

_BASIC = "6.4.0-6.4.0 6.4.4-"
RESOURCE = Table(
    "system external-resource",
    "string",
    scope="both",
    limit=511,
    attributes=(
        Attribute("uuid", "uuid", versions="7.0.0-"),
        flag("fabric-object", "disable", "8.0-"),
        flag("status", "enable"),
        Attribute(
            "type",
            "option",
            0,
            "category",
            options(
                "category domain address",
                malware="6.2-",
                mac_address="7.4.0-",
                data="7.4.2-",
                generic_address="7.6.1-",
            ),
        ),
        Attribute("update-method", "option", 0, "feed", options("feed push"), versions="7.2.1-"),
        Attribute("category", "integer", (192, 221), "0", when=("type", "category", "domain")),
        Attribute(
            "threat-feed-hash-mode",
            "option",
            0,
            "plain-text-db",
            options("hash-db plain-text-db"),
            versions="8.0-",
        ),
        flag("client-cert-auth", "disable", "7.6.1-"),
        Attribute(
            "client-cert", "ref", 79, refers={"vpn certificate local": EVERY}, versions="7.6.1-"
        ),
        Attribute("username", size=64, versions="6.2.0-"),
        Attribute("password", "secret", 128, versions="6.2.0-"),
        Attribute("comments", size=255),
        Attribute("resource", size=511, required=True),
        Attribute("user-agent", size=255, default="curl/7.58.0", versions=_BASIC),
        Attribute(
            "server-identity-check",
            "option",
            0,
            "none",
            options("none basic full"),
            versions="7.0.8-7.0 7.2.4-",
        ),
        Attribute("refresh-rate", "integer", (1, 43200), "5"),
        Attribute("source-ip", "ip", default="0.0.0.0", versions="6.2.0-"),
        Attribute(
            "source-ip-interface", "ref", 15, refers={"system interface": EVERY}, versions="7.6.4-"
        ),
        Attribute(
            "interface-select-method",
            "option",
            0,
            "auto",
            options("auto sdwan specify"),
            versions=_BASIC,
        ),
        Attribute(
            "interface",
            "ref",
            15,
            refers={"system interface": EVERY},
            versions=_BASIC,
            when=("interface-select-method", "specify"),
        ),
        Attribute("vrf-select", "integer", (0, 511), "0", versions="7.6.1-"),
    ),
)
