"""Find out who asks: by the cookie of a session, a proxy that names the user, or a password.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from banstitch_shared.addresses import Address, Network, parse_peer
from banstitch_shared.passwords import check_password, make_decoy

from page.settings import ADMIN, Settings, User
from page.store import Limit, Session, Store

# A browser accepts a cookie of such a name from us alone, by https, and for all of our paths.
COOKIE = "__Host-banstitch"
# Attempts to log in: of one address and one name within a quarter of an hour, and of all within a minute,
# because each costs a tenth of a second of processor time.
OF_ADDRESS, OF_NAME, QUARTER = 10, 10, 900
OF_ALL, MINUTE = 60, 60
# Characters of a name that is looked at.
LONGEST_NAME = 64


class Visitor(NamedTuple):
    """A user with a session."""

    name: str
    user: User
    session: Session

    @property
    def is_admin(self) -> bool:
        """Return whether they may see and end the sessions of others."""
        return self.user.role == ADMIN

    def owns_form(self, token: str) -> bool:
        """Return whether a form was made for this session."""
        return hmac.compare_digest(self.session.token.encode(), token.encode("utf-8", "replace"))


class Access:
    """Decides who is asking. Raises sqlite3.Error where sessions cannot be kept."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._decoy = make_decoy()
        self._proxies: list[Network] = [ipaddress.ip_network(text) for text in settings.proxies]
        self._header = "HTTP_" + settings.header.upper().replace("-", "_")

    def find_visitor(self, environ: Mapping[str, str], cookie: str) -> Visitor | None:
        """Return the user of a session; if a proxy names a user, the session must be theirs."""
        settings = self._settings
        session = (
            self._store.find_session(cookie, settings.idle, settings.longest) if cookie else None
        )
        named = self.find_named(environ)
        if session is None or (named and session.name != named):
            return None
        user = settings.users.get(session.name)
        if user is None or session.proof != make_proof(session.name, user):
            return None
        if not user.password and not named:
            return None  # such a user comes through the proxy only
        return Visitor(session.name, user, session)

    def find_named(self, environ: Mapping[str, str]) -> str:
        """Return the known user whom a trusted proxy names, or an empty string."""
        if not self._settings.header or not self._is_proxy(find_peer(environ)):
            return ""
        name = environ.get(self._header, "")
        return name if name in self._settings.users else ""

    def begin(self, name: str, environ: Mapping[str, str]) -> str:
        """Begin a session, and return its cookie."""
        proof = make_proof(name, self._settings.users[name])
        return self._store.begin_session(name, proof, str(self.find_client(environ)))

    def log_in(self, name: str, password: str, environ: Mapping[str, str]) -> bool:
        """Return whether this is the password of a user.

        Raises:
            TooMany: there were too many attempts, so it was not looked at.
        """
        keys = ("address %s" % self._find_source(environ), "name %s" % name[:LONGEST_NAME])
        limits = (
            Limit(keys[0], OF_ADDRESS, QUARTER),
            Limit(keys[1], OF_NAME, QUARTER),
            Limit("all", OF_ALL, MINUTE),
        )
        if not self._store.take_attempts(limits):
            raise TooMany
        user = self._settings.users.get(name)
        known = user.password if user else ""
        is_right = check_password(known or self._decoy, password) and bool(known)
        if is_right:
            self._store.forget_attempts(keys)
        return is_right

    def find_client(self, environ: Mapping[str, str]) -> Address:
        """Return the address of the browser, as far as a trusted proxy says it."""
        peer = find_peer(environ)
        last = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        if last and self._is_proxy(peer):
            try:
                return parse_peer(last)
            except ValueError:
                return peer
        return peer

    def _find_source(self, environ: Mapping[str, str]) -> str:
        """Return the address of the browser; for IPv6 its /64, of which one machine has all."""
        client = self.find_client(environ)
        if client.version == 4:
            return str(client)
        return str(ipaddress.ip_network((int(client) >> 64 << 64, 64)))

    def _is_proxy(self, peer: Address) -> bool:
        return any(peer in network for network in self._proxies)


class TooMany(Exception):
    """There were too many attempts to log in."""


def find_peer(environ: Mapping[str, str]) -> Address:
    """Return the address of the connection."""
    return parse_peer(environ["REMOTE_ADDR"])


def drop_ambiguous(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers without those that have `_` in their name.

    WSGI does not tell X_Forwarded_User from X-Forwarded-User, of which a proxy removes only the latter, and
    gunicorn before 22 passes both on.
    """
    return [header for header in headers if "_" not in header[0]]


def make_proof(name: str, user: User) -> str:
    """Return what changes when a user's settings do, so that their sessions end."""
    text = "\0".join((name, user.role, user.password))
    return hashlib.sha256(text.encode()).hexdigest()


def is_same_origin(environ: Mapping[str, str], url: str) -> bool:
    """Return whether a form was sent by a page of ours: its browser says so.

    ``url``: the one that a reverse proxy serves, or an empty string.
    """
    origin = environ.get("HTTP_ORIGIN", "")
    own = {"https://" + environ.get("HTTP_HOST", "")}
    if url:
        own = {url.rstrip("/")}
    return origin in own
