"""A site with the page, and a client of it that is no browser."""

from __future__ import annotations

import json
import re
import ssl
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from typing import Any
from urllib.parse import urlencode

from banstitch_shared.passwords import make_hash

from tests.e2e.labsite import LabSite
from tests.lab.stopwatch import within

PORT = 8443
PASSWORD = "correct horse battery"


def page_settings() -> str:
    """Return settings with the page on, and a user of each role."""
    users = [
        {"name": role, "role": role, "password": make_hash(PASSWORD)}
        for role in ("viewer", "support", "admin")
    ]
    return (
        f"page: on\npage_users: {json.dumps(users)}\npage_acts: 5\n"
        "page_trusted_header: X-User\npage_trusted_proxies: [192.0.2.80]"
    )


@dataclass
class Answer:
    """An answer of the page."""

    status: int
    location: str
    text: str


@dataclass
class Client:
    """A client that keeps its cookie."""

    site: LabSite
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"https://{self.site.host.address}:{PORT}"

    def get(self, path: str, **query: str) -> Answer:
        return self._ask("GET", path + (f"?{urlencode(query)}" if query else ""), "")

    def post(self, path: str, **form: str) -> Answer:
        return self._ask("POST", path, urlencode(form))

    def log_in(self, name: str, password: str = PASSWORD) -> Answer:
        return self.post("/login", name=name, password=password)

    def token(self) -> str:
        found = re.search(r'name=token value="([^"]+)"', self.get("/bans").text)
        assert found
        return found[1]

    def act(self, do: str, network: str, **form: str) -> Answer:
        """Send the form that frees an address, and return the page with the outcome."""
        form = {"token": self.token(), "why": "a user called", "do": do, "network": network, **form}
        answer = self.post("/act", **form)
        if answer.status != 303:
            return answer
        found: list[Answer] = []

        def is_done() -> bool:
            found.append(self.get(answer.location))
            return "http-equiv=refresh" not in found[-1].text

        assert within(60, is_done)
        return found[-1]

    def _ask(self, method: str, path: str, body: str) -> Answer:
        context = ssl._create_unverified_context()
        connection = HTTPSConnection(self.site.host.address, PORT, timeout=30, context=context)
        headers = {"Origin": self.origin, **self.headers}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        cookie = answer.headers.get("Set-Cookie", "")
        if cookie:
            self.headers["Cookie"] = cookie.partition(";")[0]
        return Answer(answer.status, answer.headers.get("Location", ""), text)


def flood(site: LabSite, *commands: str) -> Any:
    """Run commands as the user of the page, who may do anything that this user can."""
    line = " ; ".join(commands)
    return site.host.run(["runuser", "-u", "banstitch-page", "--", "sh", "-c", line])
