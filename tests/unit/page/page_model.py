"""The page as gunicorn loads it, with its files in a temporary directory, and a browser before it."""

from __future__ import annotations

import json
import re
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from page.app import create_app
from page.settings import Settings, User

JAIL = "banstitch-sslvpn_login_failed"
PASSWORD = "correct horse battery"
# The smallest costs that are accepted, since most tests log in.
HASH = (
    "scrypt:16384:8:1$0123456789abcdef01234567$"
    "2c5e49ad3739ef856d36a4adb148ea58b7989daaa613dd07fe0fa26d72044924"
    "bf342b277fe5658300d59e7b1774ebfeb8bddb02066f04d5934e5e7bedae98e8"
)
HOST = "ban1.example:8443"
ORIGIN = f"https://{HOST}"
HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e\u3164'\"&"
# Calls to fail2ban: jail, method, details.
Calls = list[tuple[str, str, dict[str, str]]]


class Page:
    """A page with three users of the same password, and one who comes through the proxy only."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.folder = folder
        for name in ("spool", "logs", "rules", "requests", "answers"):
            (folder / name).mkdir(exist_ok=True)
        users = {role: User(role, HASH) for role in ("viewer", "support", "admin")}
        settings = Settings(
            users={**users, "sso": User("support", "")},
            fortigates=("fw1", "fw2"),
            jails=(JAIL, f"{JAIL}-network"),
            ipv6_prefix=64,
            url="",
            header="",
            proxies=(),
            idle=1800,
            longest=36000,
            acts=20,
            spool=str(folder / "spool"),
            logs=str(folder / "logs"),
            rules_memory=str(folder / "rules"),
            counts=str(folder / "counts"),
            shared=str(folder / "shared"),
            state=str(folder / "state.db"),
            requests=str(folder / "requests"),
            answers=str(folder / "answers"),
        )
        self.settings = settings._replace(**more)
        self.app = create_app(self.settings)

    def hold(self, *bans: str, jail: str = JAIL) -> None:
        """Write the ban file of a jail; each ban is ADDRESS UNTIL SINCE FAILURES COUNT."""
        text = "".join(f"{ban}\n" for ban in bans)
        path = self.folder / "spool" / f"{jail}.bans"
        path.write_text(f"# banstitch 1\n{text}end {len(bans)}\n")

    def share(self, *bans: str) -> None:
        """Write what the receiver denies for other sites; each ban is ADDRESS UNTIL SINCE JAIL SITES."""
        (self.folder / "shared").write_text("".join(f"{ban}\n" for ban in bans))

    def note(self, *entries: Mapping[str, object]) -> None:
        """Write the audit."""
        text = "".join(json.dumps(entry) + "\n" for entry in entries)
        (self.folder / "logs" / "audit.log").write_text(text)

    def remember(self, user: str) -> None:
        """Write the alarms of banstitch-rules."""
        alarm = {"at": time.time(), "address": "203.0.113.9", "user": user, "failures": 9}
        attacked = {"user": user, "until": time.time() + 60, "sources": 7}
        text = json.dumps({"alarms": [alarm], "attacked": [attacked]})
        (self.folder / "rules" / "alarms.json").write_text(text)

    def count(self, numbers: Mapping[str, float]) -> None:
        """Write the receiver's numbers."""
        head = json.dumps(list(numbers)).encode() + b"\n"
        head += b" " * (-len(head) % 8)
        values = struct.pack(f"{len(numbers)}d", *numbers.values())
        (self.folder / "counts").write_bytes(head + values)

    def browser(self, peer: str = "192.0.2.7", **headers: str) -> Browser:
        """Return a new browser, with more headers if a proxy adds some."""
        return Browser(self, peer, headers)

    def log_in(self, name: str) -> Browser:
        """Return a browser in which a user has logged in."""
        browser = self.browser()
        assert browser.log_in(name).status_code == 303
        return browser

    def asked(self) -> list[dict[str, Any]]:
        """Return the requests in the spool."""
        return [json.loads(p.read_text()) for p in sorted((self.folder / "requests").iterdir())]


class Browser:
    """A browser, which keeps the cookie and says where a form comes from."""

    def __init__(self, page: Page, peer: str, headers: Mapping[str, str]) -> None:
        self.client = page.app.test_client()
        self._common = {"environ_base": {"REMOTE_ADDR": peer}, "base_url": ORIGIN}
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def get(self, path: str, **query: object) -> Any:
        return self.client.get(
            path, query_string=query or None, headers=self.headers, **self._common
        )

    def post(self, path: str, origin: str | None = ORIGIN, **form: object) -> Any:
        headers = {**self.headers, **({"Origin": origin} if origin else {})}
        return self.client.post(path, data=form, headers=headers, **self._common)

    def log_in(self, name: str, password: str = PASSWORD) -> Any:
        return self.post("/login", name=name, password=password)

    def token(self) -> str:
        """Return the token of this session's forms."""
        found = re.search(r'name=token value="([^"]+)"', self.get("/bans").get_data(as_text=True))
        assert found
        return found[1]

    def act(self, do: str, network: str, **form: object) -> Any:
        """Send the form that frees an address."""
        form = {"token": self.token(), "why": "a user called", **form}
        if do == "allow":
            form.setdefault("seconds", 3600)
        return self.post("/act", ORIGIN, **{"do": do, "network": network, **form})
