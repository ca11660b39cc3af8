"""The receiver's numbers, as the ban host asks for them: whatever answers there, `status` goes on."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest
from banstitch_shared.looked_up import STALE, Source, format_sources

from provision.linux.agent import status
from provision.linux.agent.protocol.answers import StaleName
from provision.linux.agent.protocol.requests import ReadStatus


def asked_of(answer: bytes, folder: Path) -> str:
    """The numbers, where a program listens that answers anybody with ``answer``."""
    (folder / "tokens.json").write_text(json.dumps({"status": "secret"}))
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer_once, args=(server, answer))
        thread.start()
        port = server.getsockname()[1]
        url, tokens = f"http://127.0.0.1:{port}/metrics", str(folder / "tokens.json")
        request = ReadStatus(url=url, tokens=tokens, user="status", rules=str(folder))
        told = status.read_status(request)
        thread.join()
    return told.metrics


def answer_once(server: socket.socket, answer: bytes) -> None:
    client, _ = server.accept()
    with client:
        client.recv(65536)
        client.sendall(answer)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 401 Unauthorized\r\n\r\n",
    ],
)
def test_another_program_at_the_receivers_port_has_no_numbers(
    tmp_path: Path, answer: bytes
) -> None:
    assert asked_of(answer, tmp_path) == ""


def test_the_numbers_are_what_the_receiver_answers(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\nbanstitch_up 1\n"
    assert asked_of(answer, tmp_path) == "banstitch_up 1\n"


def test_names_of_the_ignore_list_without_a_recent_answer_are_stale(tmp_path: Path) -> None:
    path = tmp_path / "looked_up.json"
    now = time.time()
    sources = {
        "fresh.example.com": Source(("203.0.113.9",), now),
        "stale.example.com": Source(("203.0.113.8",), now - STALE, "no such name"),
    }
    path.write_text(format_sources(sources))
    request = ReadStatus(names=[*sources, "new.example.com"], looked_up=str(path))
    assert status.read_status(request).stale == [
        StaleName("stale.example.com", now - STALE, "no such name"),
        StaleName("new.example.com", 0, ""),
    ]


def test_every_name_is_stale_where_the_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "looked_up.json").write_text("{")
    request = ReadStatus(names=["office.example.com"], looked_up=str(tmp_path / "looked_up.json"))
    (stale,) = status.read_status(request).stale
    assert (stale.name, stale.at) == ("office.example.com", 0)
    assert stale.error
