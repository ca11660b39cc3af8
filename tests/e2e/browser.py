"""A headless Chromium, driven through a pipe (Chrome DevTools Protocol) without a library for it."""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Self

# Where Chromium reads commands and writes answers: --remote-debugging-pipe.
COMMANDS, ANSWERS = 3, 4


class Browser:
    """As a context manager it runs inside. One page, whose every request is remembered."""

    def __init__(self, folder: Path) -> None:
        self.requested: list[str] = []
        self.statuses: dict[str, int] = {}
        self.complaints: list[str] = []
        self._folder = folder
        self._numbers = itertools.count(1)
        self._session = ""
        self._loaded = False

    def __enter__(self) -> Self:
        theirs, commands = os.pipe()
        answers, ours = os.pipe()
        # away from the numbers that they are to get
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, ANSWERS + 1) for fd in (theirs, ours)]
        argv = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--ignore-certificate-errors", "--remote-debugging-pipe",
                f"--user-data-dir={self._folder}/profile"]  # fmt: skip
        script = f'exec "$@" {COMMANDS}<&{high[0]} {ANSWERS}>&{high[1]}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", *argv],
            pass_fds=high,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (theirs, ours, *high):
            os.close(end)
        self._commands, self._answers = os.fdopen(commands, "wb", 0), os.fdopen(answers, "rb")
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        attached = self.do("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.do(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._commands.close()
        self._answers.close()

    def do(self, method: str, **params: Any) -> Any:
        """One command; gives its result.

        Raises:
            RuntimeError: Chromium refused it, or is gone.
        """
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": params}
        if self._session:
            command["sessionId"] = self._session
        self._commands.write(json.dumps(command).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]

    def open(self, url: str, user: str, password: str, width: int, mobile: bool) -> None:
        """Load a page as a screen that is ``width`` pixels wide shows it."""
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.do("Network.setExtraHTTPHeaders", headers={"Authorization": f"Basic {login}"})
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=800, mobile=mobile,
                deviceScaleFactor=1)  # fmt: skip
        self._loaded = False
        self.do("Page.navigate", url=url)
        while not self._loaded:
            self._next()

    def value(self, expression: str) -> Any:
        """What a JavaScript expression is in the page."""
        done = self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        return done["result"]["value"]

    def _next(self) -> dict[str, Any]:
        raw = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("Chromium is gone")
            raw += byte
        message: dict[str, Any] = json.loads(raw)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, what: str, params: dict[str, Any]) -> None:
        if what == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])
        elif what == "Network.responseReceived":
            self.statuses[params["response"]["url"]] = params["response"]["status"]
        elif what == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        elif what == "Page.loadEventFired":
            self._loaded = True
