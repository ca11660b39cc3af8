"""Tell what a server asks for by keyboard-interactive: a password, a code, or a new password.

RFC 4256 gives a prompt no type, so only its words and its echo flag are left to judge by. A code that is
sent as a password, or the other way round, counts as a failed login, and some servers lock the account
after three.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Kind = Literal["password", "code", "new password", "unknown"]

# Names are no hint: a host may be called token-gw, a user otp.
_NAMES = re.compile(r"\S+@\S+|\bfor [`'\"]?\S+")

# The dialogue of an expired password. It must not be given the password of today by mistake.
_NEW_PASSWORD = re.compile(
    r"\b(re-?type|re-?enter|repeat|confirm)\b.*\bpass|\b(new|current)\b.*\bpass(word|phrase)"
    r"|\b(neue|aktuelle|derzeitige)s?\b.*(passwort|kennwort)|\b(passwort|kennwort)\b.*wiederhol"
    r"|nouveau.*mot de passe|mot de passe.*\bactuel|\bnuev[ao].*contrase|contrase\w+.*\bactual\b"
    r"|\bnuova.*password|\bnova.*senha|nieuwe?.*wachtwoord|нов\w+ парол"
    r"|新しい.*パスワード|新(的)?(密码|口令)",
    re.DOTALL,
)
_CODE = re.compile(
    r"token|\bpass ?code|one[- ]?time|\b[hot]*otp\b|\boath\b|yubi|\bduo\b|\bpin\b"
    r"|(two|2|second|multi|zwei)[- ]?fa[ck]tor|\b[2m]fa\b|authenticator|google|challenge|\bresponse\b"
    r"|\bcode\b|code\b|(?<!adgangs)(?<!wacht)kod(e|i)?\b|\bcodice\b|c[óo]digo|koodi|einmal"
    r"|\bкод\b|コード|验证码|驗證碼|動態|动态|인증",  # noqa: RUF001
)
_PASSWORD = re.compile(
    r"pass ?word|passwd|passphrase|passwort|kennwort|mot de passe|contrase[nñ]a|senha|palavra-passe"
    r"|wachtwoord|l[öo]senord|passord|adgangskode|salasana|has[łl]o|heslo|jelsz[óo]|parol|[şs]ifre"
    r"|пароль|κωδικ|パスワード|密码|密碼|口令|암호|비밀번호",
)


def classify(prompt: str, echo: bool) -> Kind:
    """Return what ``prompt`` asks for; ``echo``: what is typed would be visible.

    A password is never visible, so a prompt with echo is a code or unknown.
    """
    text = _NAMES.sub(" ", unicodedata.normalize("NFC", prompt).casefold())
    if _NEW_PASSWORD.search(text):
        return "new password"
    if _CODE.search(text):
        return "code"
    return "password" if _PASSWORD.search(text) and not echo else "unknown"
