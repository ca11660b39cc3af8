"""`get system status`, in the order and the words of a real 7.4.8."""

from datetime import datetime

from tests.simulator.config import Config, value
from tests.simulator.options import Options
from tests.simulator.schema import parse_version

BUILDS = {
    "6.4.15": "build2095,231026",
    "7.0.0": "build0066,210330",
    "7.0.5": "build0304,220208",
    "7.0.17": "build0682,250113",
    "7.2.0": "build1157,220331",
    "7.2.11": "build1740,250210",
    "7.4.1": "build2463,230830",
    "7.4.8": "build2795,250523",
    "7.6.2": "build3462,250127",
    "7.6.4": "build3596,250820",
    "8.0.0": "build0167,260420",
}


def find_build(version: str) -> str:
    """Return `buildNNNN,YYMMDD` of a version; one we have no number for gets a plausible one."""
    return BUILDS.get(version, "build1234,250101")


def find_hostname(config: Config, options: Options) -> str:
    """Return the name the prompt shows."""
    block = config.block("system global", "global" if config.multi else "")
    return value(block, "hostname") or options.serial


def config_header(options: Options, multi: bool) -> list[str]:
    """Return the comment lines above a full `show`."""
    build, date = find_build(options.version).removeprefix("build").split(",")
    short = "FGVMK6" if "VM64" in options.model else "FG5H1E"
    return [
        f"#config-version={short}-{options.version}-FW-build{build}-{date}"
        f":opmode=0:vdom={int(multi)}:user={options.user}",
        "#conf_file_ver=1203456789012345",
        f"#buildno={build}",
        f"#global_vdom={1}",
    ]


def maturity(options: Options) -> str:
    """Return GA, GA.F (feature) or GA.M (mature), which 7.2 and later distinguish."""
    version = parse_version(options.version)
    if version < (7, 2, 0):
        return "GA"
    return "GA.M" if version[2] >= 6 else "GA.F"


def _get_old_words(options: Options) -> dict[str, str]:
    """Return the words of 6.4 for the roles in a cluster; nothing from 7.0 on."""
    old = parse_version(options.version) < (7, 0, 0)
    return {"Primary": "Master", "Secondary": "Slave"} if old else {}


def list_ha_lines(config: Config, options: Options) -> list[str]:
    """Return what `get system ha status` prints of the members."""
    name = find_hostname(config, options)
    if not options.ha_role:
        return ["HA Health Status: OK", f"Model: {options.model}", "Mode: Standalone"]
    words = _get_old_words(options) or {"Primary": "Primary", "Secondary": "Secondary"}
    mine = words[options.ha_role]
    other = next(word for word in words.values() if word != mine)
    return [
        "HA Health Status: OK",
        f"Model: {options.model}",
        "Mode: HA A-P",
        f"{mine:<12}: {name}, {options.serial}, HA cluster index = 0",
        f"{other:<12}: {options.peer_name or f'{name}-peer'}, {options.peer_serial}, HA cluster index = 1",
        "number of vcluster: 1",
        "vcluster 1: work 169.254.0.1",
        f"{mine}: {options.serial}, HA operating index = 0",
        f"{other}: {options.peer_serial}, HA operating index = 1",
    ]


def list_status_lines(config: Config, options: Options) -> list[str]:
    """Return every line of `get system status`."""
    build = find_build(options.version)
    number = build.removeprefix("build").split(",")[0]
    level = "Security Level: High" if options.version == "7.4.7" else "Current Security Level: High"
    count = len(config.vdoms)
    tells = not options.home_vdom or options.home_tells_vdoms
    mode = "multiple" if config.multi and tells else "disable"
    ha = {"": "standalone", "Primary": "a-p, primary", "Secondary": "a-p, secondary"}
    if _get_old_words(options):
        ha |= {"Primary": "a-p, master", "Secondary": "a-p, backup"}
    databases = (
        "Virus-DB",
        "Extended DB",
        "AV AI/ML Model",
        "IPS-DB",
        "IPS-ETDB",
        "APP-DB",
        "Proxy-IPS-DB",
        "Proxy-IPS-ETDB",
        "Proxy-APP-DB",
        "FMWP-DB",
        "IPS Malicious URL Database",
        "IoT-Detect",
        "OT-Detect-DB",
        "OT-Patch-DB",
        "OT-Threat-DB",
        "IPS-Engine",
    )
    return [
        f"Version: {options.model} v{options.version},{build} ({maturity(options)})",
        "First GA patch build date: 230509",
        level,
        "Firmware Signature: certified",
        *(f"{name}: 1.00000(2018-04-09 18:07)" for name in databases),
        f"Serial-Number: {options.serial}",
        "License Status: Valid",
        "VM Resources: 1 CPU/1 allowed, 1993 MB RAM",
        "Log hard disk: Available",
        f"Hostname: {find_hostname(config, options)}",
        "Private Encryption: Disable",
        "Operation Mode: NAT",
        f"Current virtual domain: {options.home_vdom or 'root'}",
        "Max number of virtual domains: 10",
        f"Virtual domains status: {count} in NAT mode, 0 in TP mode",
        f"Virtual domain configuration: {mode}",
        "FIPS-CC mode: disable",
        f"Current HA mode: {ha.get(options.ha_role, options.ha_role)}",
        *(
            []
            if not options.ha_role
            else [
                "Cluster uptime: 26 days, 1 hours, 2 minutes, 3 seconds",
                "Cluster state change time: 2026-01-07 11:40:39",
            ]
        ),
        f"Branch point: {number}",
        "Release Version Information: GA",
        "FortiOS x86-64: Yes",
        f"System time: {datetime.now().strftime('%a %b %e %H:%M:%S %Y')}",
        "Last reboot reason: warm reboot",
    ]
