"""The status page in a real browser: it is whole on a desk and on a phone, and asks nobody else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from tests.unit.receiver_app import LINE, Receiver, module

DAY = 86400


@pytest.fixture(scope="module")
def chromium() -> str:
    """The distribution's Chromium, installed where it is missing."""
    if not shutil.which("chromium"):
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]
        subprocess.run([*install, "fonts-dejavu-core"], check=True, capture_output=True)
    return "chromium"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A receiver with a history, reachable over HTTP."""
    receiver, now = Receiver(tmp_path), time.time()
    live = {f"203.0.113.{n}": now + 60 * n * n for n in range(5, 20)}
    receiver.bans(live | {"2001:db8:1234:5678:9abc:def0:1234:5678": -1})
    bans = [{"at": now - DAY * (n % 13), "what": "ban"} for n in range(100) for _ in range(n % 7)]
    (tmp_path / "audit.log").write_text("\n".join(map(json.dumps, bans)))
    receiver.post("\n".join([LINE % "203.0.113.9"] * 40))
    receiver.feed()
    server = make_server("127.0.0.1", 0, receiver.client.application, threaded=True)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://status:s-secret@127.0.0.1:{server.server_port}/status"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def browse(chromium: str, folder: Path, url: str, *flags: str) -> str:
    done = subprocess.run(
        [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--user-data-dir={folder}/profile", *flags, url],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize(("device", "size"), [("desk", "1200,1400"), ("phone", "500,1400")])
def test_a_browser_shows_the_page(
    chromium: str, url: str, tmp_path: Path, device: str, size: str
) -> None:
    picture = tmp_path / f"{device}.png"
    browse(chromium, tmp_path, url, f"--window-size={size}", f"--screenshot={picture}")
    assert picture.stat().st_size > 20000  # a blank page has 5000 bytes


def test_a_browser_finds_everything_in_the_page_itself(
    chromium: str, url: str, tmp_path: Path
) -> None:
    document = browse(chromium, tmp_path, url, "--dump-dom")
    assert "16 bans" in document
    assert document.count("<rect") == 14
    assert "203.0.113.9" in document
    assert not re.findall(r"Refused to|Content Security Policy", document)
    assert module("status").HEADERS["Content-Security-Policy"].startswith("default-src 'none'")
