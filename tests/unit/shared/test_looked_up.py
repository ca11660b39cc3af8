"""The file of looked-up names: what is written is read, and what spares too much is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from banstitch_shared.looked_up import (
    MOST,
    STALE,
    LookedUp,
    Source,
    format_sources,
    list_stale,
    read_sources,
)

NOW = 1_800_000_000.0
NAME, URL = "office.example.com", "https://example.com/networks.txt"
ONE = Source(("203.0.113.9", "2001:db8::/48"), NOW)
LIST = Source(("198.51.100.0/24",), NOW - STALE, "the server answers 500", '"v1"')


def write(path: Path, *networks: str, **more: object) -> str:
    entry = {"networks": list(networks), "at": NOW, "error": "", "tag": ""} | more
    path.write_text(json.dumps({NAME: entry}))
    return str(path)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "looked_up.json"
    path.write_text(format_sources({NAME: ONE, URL: LIST}))
    assert read_sources(str(path)) == {NAME: ONE, URL: LIST}


def test_nothing_is_known_where_there_is_no_file(tmp_path: Path) -> None:
    assert read_sources(str(tmp_path / "none")) == {}


@pytest.mark.parametrize(
    "network", ["0.0.0.0/0", "128.0.0.0/1", "203.0.0.0/15", "::/0", "2001::/31", "nobody", ""]
)
def test_a_network_that_is_too_wide_or_none_is_refused(tmp_path: Path, network: str) -> None:
    with pytest.raises(ValueError):
        read_sources(write(tmp_path / "looked_up.json", network))


def test_too_many_networks_are_refused(tmp_path: Path) -> None:
    many = [f"203.{n // 256}.{n % 256}.0/24" for n in range(MOST + 1)]
    with pytest.raises(ValueError):
        read_sources(write(tmp_path / "looked_up.json", *many))
    assert len(read_sources(write(tmp_path / "looked_up.json", *many[1:]))[NAME].networks) == MOST


@pytest.mark.parametrize("text", ["", "[]", "[1]", '{"a": 1}', '{"a": {"networks": ["x"]}}'])
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "looked_up.json"
    path.write_text(text)
    with pytest.raises(ValueError):
        read_sources(str(path))


@pytest.mark.parametrize("at", [float("nan"), float("inf"), -1, 10**12])
def test_a_time_that_is_none_is_refused(tmp_path: Path, at: float) -> None:
    with pytest.raises(ValueError):
        read_sources(write(tmp_path / "looked_up.json", "203.0.113.9", at=at))


def test_a_link_and_a_pipe_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", "203.0.113.9")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises((OSError, ValueError)):
            read_sources(str(tmp_path / name))


def test_an_answer_is_stale_after_an_hour_and_one_that_never_came_at_once() -> None:
    sources = {NAME: ONE, URL: LIST}
    assert list_stale(sources, [NAME, URL, "new.example.com"], NOW) == [
        (URL, LIST),
        ("new.example.com", Source()),
    ]


def test_the_networks_are_read_again_when_the_file_is_another(tmp_path: Path) -> None:
    path = tmp_path / "looked_up.json"
    looked_up = LookedUp(str(path))
    assert looked_up.read() == []
    write(path, "203.0.113.9")
    assert looked_up.is_changed()
    assert looked_up.read() == ["203.0.113.9"]
    assert not looked_up.is_changed()


def test_a_damaged_file_leaves_the_networks_that_were_known(tmp_path: Path) -> None:
    path = tmp_path / "looked_up.json"
    looked_up = LookedUp(write(path, "203.0.113.9"))
    assert looked_up.read() == ["203.0.113.9"]
    path.write_text('{"a": {')
    assert looked_up.read() == ["203.0.113.9"]


def test_no_path_spares_nobody() -> None:
    looked_up = LookedUp("")
    assert not looked_up.is_changed()
    assert looked_up.read() == []
