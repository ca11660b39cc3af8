"""Servers and logins, each with the error that it must cause."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import paramiko

from provision.errors import Unreachable
from provision.ssh import causes
from tests.unit.ssh.ssh_server import Rules

KEY = paramiko.RSAKey.generate(2048)
RIGHT = "right-password"
PASSWORD = (("password",),)
PROMPTS = (("keyboard-interactive", "password"),)
ASKS = ((("Password: ", False),),)
ASKS_CODE = ((("Password: ", False),), (("FortiToken Code: ", False),))


@dataclass(frozen=True)
class Case:
    """A server, a login and the expected error; ``sent``: the attempts that the server receives."""

    rules: Rules
    cause: type[Unreachable]
    says: str
    remedy: str
    sent: tuple[str, ...] = ()
    login: dict[str, Any] = field(default_factory=dict)


WRONG = "wrong-password"
WITH_WRONG = {"password": WRONG}
WITH_RIGHT = {"password": RIGHT}
WITH_KEY = {"private_key_file": "KEY"}
BOTH = {"private_key_file": "KEY", "password": WRONG}
CASES = {
    "password refused": Case(
        Rules(steps=PASSWORD),
        causes.PasswordRefused,
        "password refused for joe",
        "check ansible_password",
        ("password",),
        WITH_WRONG,
    ),
    "password refused by prompts, not tried by the other method": Case(
        Rules(steps=PROMPTS, rounds=ASKS, answers=(RIGHT,)),
        causes.PasswordRefused,
        "password refused for joe",
        "check ansible_password",
        ("keyboard-interactive",),
        WITH_WRONG,
    ),
    "password refused by a second prompt for it": Case(
        Rules(steps=PROMPTS, rounds=(*ASKS, *ASKS, *ASKS), answers=(RIGHT,)),
        causes.PasswordRefused,
        "password refused for joe",
        "check ansible_password",
        ("keyboard-interactive",),
        WITH_WRONG,
    ),
    "password refused, and the connection closed": Case(
        Rules(steps=PASSWORD, most=1, parting="Too many authentication failures"),
        causes.PasswordRefused,
        "password refused for joe; the server closed the session after 1 attempt",
        "check ansible_password",
        ("password",),
        WITH_WRONG,
    ),
    "key refused": Case(
        Rules(),
        causes.KeyRefused,
        f"key refused for joe: KEY (rsa, {KEY.fingerprint})",
        "authorized_keys of joe",
        ("publickey",),
        WITH_KEY,
    ),
    "key and password refused": Case(
        Rules(),
        causes.PasswordRefused,
        "password refused for joe; key refused for joe: KEY",
        "check ansible_password",
        ("publickey", "password"),
        BOTH,
    ),
    "the server takes no password": Case(
        Rules(steps=(("publickey",),)),
        causes.MethodMissing,
        "the server wants: publickey",
        "ansible_ssh_private_key_file",
        (),
        WITH_RIGHT,
    ),
    "nothing to try": Case(
        Rules(),
        causes.NothingToTry,
        "no key and no password for joe; the server wants: publickey, password",
        "set ansible_password",
    ),
    "a password behind the key": Case(
        Rules(key=KEY, steps=(("publickey",), ("password",))),
        causes.MethodMissing,
        "accepted so far: publickey (KEY); the server still wants: password",
        "set ansible_password",
        ("publickey",),
        WITH_KEY,
    ),
    "prompts for a password behind the key": Case(
        Rules(key=KEY, steps=(("publickey",), ("keyboard-interactive",)), rounds=ASKS),
        causes.MethodMissing,
        "accepted so far: publickey (KEY); the server wants the password of joe",
        "set ansible_password",
        ("publickey",),
        WITH_KEY,
    ),
    "a wrong password behind the key": Case(
        Rules(key=KEY, steps=(("publickey",), ("password",))),
        causes.PasswordRefused,
        "password refused for joe; accepted so far: publickey (KEY)",
        "check ansible_password",
        ("publickey", "password"),
        BOTH,
    ),
    "a code": Case(
        Rules(steps=PROMPTS, rounds=ASKS_CODE),
        causes.CodeWanted,
        'asks joe for a code ("FortiToken Code:")',
        "--ask-token",
        ("keyboard-interactive",),
        WITH_RIGHT,
    ),
    "a code behind the key": Case(
        Rules(
            key=KEY,
            steps=(("publickey",), ("keyboard-interactive",)),
            rounds=((("Verification code: ", False),),),
        ),
        causes.CodeWanted,
        'accepted so far: publickey (KEY); the server asks joe for a code ("Verification code:")',
        "--ask-token",
        ("publickey",),
        WITH_KEY,
    ),
    "password expired": Case(
        Rules(steps=PASSWORD, new_password=True),
        causes.PasswordExpired,
        'the password of joe has expired; the server says: "Change it now"',
        "set a new password",
        ("password",),
        WITH_RIGHT,
    ),
    "password expired, by prompts": Case(
        Rules(steps=PROMPTS, rounds=(*ASKS, (("New password: ", False),))),
        causes.PasswordExpired,
        "the password of joe has expired",
        "set a new password",
        ("keyboard-interactive",),
        WITH_RIGHT,
    ),
    "account expired": Case(
        Rules(
            steps=PASSWORD,
            closes_at="password",
            banner="Your account has expired; please contact your system administrator.",
        ),
        causes.AccountLocked,
        'and says: "Your account has expired; please contact your system administrator."',
        "unlock the account of joe",
        ("password",),
        WITH_RIGHT,
    ),
    "account locked": Case(
        Rules(steps=PROMPTS, rounds=ASKS, text="The account is locked due to 3 failed logins."),
        causes.AccountLocked,
        "The account is locked due to 3 failed logins.",
        "unlock the account of joe",
        ("keyboard-interactive",),
        WITH_RIGHT,
    ),
    "a server that is shut down": Case(
        Rules(
            steps=PASSWORD,
            closes_at="password",
            legal_notice="Keep out",
            banner="System is going down.\n\x1b[31mNobody gets in.",
        ),
        causes.RefusedByPolicy,
        'says: "System is going down. \\x1b[31mNobody gets in."',
        "run again",
        ("password",),
        WITH_RIGHT,
    ),
    "too many administrators": Case(
        Rules(
            steps=PASSWORD,
            closes_at="password",
            parting="Maximum number of administrators logged in",
        ),
        causes.RefusedByPolicy,
        'says: "Maximum number of administrators logged in"',
        "run again",
        ("password",),
        WITH_RIGHT,
    ),
    "a reason that holds the password": Case(
        Rules(steps=PASSWORD, closes_at="password", parting=f"joe/{RIGHT} may not enter"),
        causes.RefusedByPolicy,
        'says: "joe/******** may not enter"',
        "whether joe may",
        ("password",),
        WITH_RIGHT,
    ),
    "no reason": Case(
        Rules(steps=PASSWORD, closes_at="password"),
        causes.ConnectionClosed,
        "closed the connection during the check of the password",
        "see its log",
        ("password",),
        WITH_RIGHT,
    ),
    "no answer to the first question": Case(
        Rules(hangs_at="none"),
        causes.TimedOut,
        "no answer to the first question within 0.5 s",
        "ansible_timeout",
        (),
        WITH_RIGHT | {"timeout": 0.5},
    ),
    "no answer to the password": Case(
        Rules(steps=PASSWORD, hangs_at="password"),
        causes.TimedOut,
        "no answer to the password within 0.5 s",
        "ansible_timeout",
        ("password",),
        WITH_RIGHT | {"timeout": 0.5},
    ),
    "no answer to the key": Case(
        Rules(hangs_at="publickey"),
        causes.TimedOut,
        "no answer to the key KEY",
        "ansible_timeout",
        ("publickey",),
        WITH_KEY | {"timeout": 0.5},
    ),
}
