"""The options of a simulated FortiGate. Behavior that the vendor does not document is an option here."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """The behavior of one simulated FortiGate.

    `minute` is the length of a minute of `refresh-rate` in seconds. `kex` is "modern", "sha1" or
    "default". `vdoms` makes a multi-VDOM FortiGate ("root" is always there). `profile` "super_admin"
    prompts with `#`, any other with `$` and may not configure the tables whose paths begin with
    one of `forbidden` (all of them when it is empty).
    """

    version: str = "7.4.8"
    hostname: str = "FGT-A"
    user: str = "admin"
    password: str = "fortinet"
    address: str = "127.0.0.1"
    port: int = 0
    control_port: int | None = None  # None: no control channel; 0: any free port
    console: str = "more"
    config: str = ""  # configuration text to load in place of the factory's
    banner: str = ""  # before login, as an SSH banner
    disclaimer: str = ""  # after login; must be accepted with the key `a`
    minute: float = 60.0
    kex: str = "default"
    host_key: str = ""  # an OpenSSH private key; generated when empty
    model: str = "FortiGate-VM64-KVM"
    serial: str = "FGVM00TM00000000"
    vdoms: tuple[str, ...] = ()
    ha_role: str = ""  # "Primary" or "Secondary"
    peer_name: str = ""  # of the other member; "": the own name with `-peer` behind it
    peer_serial: str = "FGVM00TM00000001"
    ha_prompt: str = " ({role})"  # how the prompt shows it; "({role})" and "" were seen too
    prompt_name: str = ""  # what the prompt shows for the hostname, e.g. a long one cut with `~`
    profile: str = "super_admin"
    forbidden: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()  # tables that the profile hides: as if they were not there
    home_vdom: str = (
        ""  # the administrator belongs to this VDOM alone, which is all there is to see
    )
    home_tells_vdoms: bool = True  # whether its `get system status` mentions VDOMs
    denied_words: str = "Command fail. Return code -37"  # "Permission denied" and others were seen
    enc_stable: bool = False
    interfaces: tuple[str, str] = ("port1", "port2")  # outside, inside
    without_tables: tuple[str, ...] = ()  # e.g. "vpn ssl settings" on models that lost it
    manager: str = ""  # the address of the FortiManager that manages it
    fabric: str = ""  # "root" or "member" of a Security Fabric; see `get system csf`
    new_password: bool = False  # the login asks for a new password first, as a fresh FortiGate does
    questions: dict[str, str] = field(default_factory=dict)  # regex of a line -> y/n question
    codes: tuple[str, ...] = ()  # asked for behind the password; each works once
    push: bool = False  # an empty code is answered on a phone
    code_prompt: str = "FortiToken Code: "
    code_after: str = "interactive"  # the method in which the password is asked; or "password"
    idle_timeout: float = 0.0  # seconds without input until `Timeout` and the end; 0 never
    table_limits: dict[str, int] = field(default_factory=dict)
    # Unsure in the vendor's papers:
    continuation: str = "> "  # prompt inside an open quote
    comments: bool = True  # lines that start with # are ignored
    failed_end_leaves_table: bool = False  # else a refused `end` falls back to the table
    grep_miss_is_error: bool = False  # seen on 7.0.3
    escape_log: bool = False  # %%log%% with \" for " inside it
    absent_variables: str = "literal"  # or "empty": %%log.field%% of a field that the log has not
    pager_lines: int = 0  # lines of a page; 0 takes the height of the terminal
    diagnose: str = "present"  # the commands that show a feed; or "absent", or "refused"
    refresh: str = ""  # `execute update-external-resource`, likewise; "": as the version has it
    manager_type: str = "shown"  # or "left out": whether `show` prints the type of the management
    package_purges: bool = False  # an install of a package also deletes feeds that no policy uses
    refresh_profile: str = (
        "secfabgrp"  # the group that a profile must write to run it (undocumented)
    )
    transactions: bool = True  # whether `execute config-transaction` exists
    transaction_idle: float = 300.0  # seconds without a line until an open one is discarded
    transaction_survives: bool = False  # that of a cut session keeps its locks until it idles out
    echo_wrap: str = ""  # what the echo holds where it reaches the width of the terminal
    width: int = 0  # of the terminal, in characters; 0: as the client asks
    echo: str = "as read"  # or "ahead": a burst of input at once, before it is read; or "none"
    type_ahead: str = (
        "kept"  # or "dropped" after the first line of a burst; or "joined" to one line
    )
    drops_with: str = ""  # type-ahead is dropped only in bursts that hold this text
    prompt_form: str = "{prompt} "  # how the prompt is drawn, without its last blank
    pager_wipe: str = "\r         \r"  # what removes the pager from the screen
    accepts_by_line: bool = False  # Enter, not the key `a` alone, ends the disclaimer
