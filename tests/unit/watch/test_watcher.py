"""The last good answer counts: across failures, restarts and damaged files."""

from __future__ import annotations

from pathlib import Path

import pytest
from banstitch_shared.looked_up import MOST, Source, read_sources
from watch.answers import Answer
from watch.watcher import REFRESHED, LookUp, Watcher

NAME, URL = "office.example.com", "https://example.com/networks.txt"
OFFICE = Answer(("193.99.144.80",))
OTHER = Answer(("62.138.5.9",), (), '"v2"')


class World:
    """A clock and the answers that come next."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "looked_up.json"
        self.now = 1_800_000_000.0
        self.next: Answer | Exception | None = OFFICE
        self.tags: list[str] = []

    def look_up(self, _: str, tag: str) -> Answer | None:
        self.tags.append(tag)
        if isinstance(self.next, Exception):
            raise self.next
        return self.next

    def watch(self, *names: str) -> Watcher:
        look_up: LookUp = self.look_up
        return Watcher(str(self.path), names or (NAME,), look_up, lambda: self.now)

    def ask(self, watcher: Watcher, answer: Answer | Exception | None, name: str = NAME) -> Source:
        self.next = answer
        watcher.ask(name)
        watcher.write()
        return read_sources(str(self.path))[name]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError("no such name"), "no such name"),
        (OSError(111, "Connection refused"), "Connection refused"),
        (ValueError("the server answers 500"), "the server answers 500"),
    ],
)
def test_an_error_leaves_the_last_good_answer_and_its_time(
    world: World, error: Exception, why: str
) -> None:
    watcher, began = world.watch(), world.now
    assert world.ask(watcher, OFFICE) == Source(OFFICE.networks, began)
    world.now += 60
    assert world.ask(watcher, error) == Source(OFFICE.networks, began, why)
    world.now += 60
    assert world.ask(watcher, OTHER) == Source(OTHER.networks, world.now, "", '"v2"')


def test_a_restart_keeps_the_answers_of_names_that_are_still_there(world: World) -> None:
    world.ask(world.watch(NAME, URL), OTHER, URL)
    again = world.watch(URL, "new.example.com")
    world.now += 60
    assert world.ask(again, OSError("down"), URL).networks == OTHER.networks
    assert set(read_sources(str(world.path))) == {URL, "new.example.com"}


def test_a_list_is_asked_for_with_its_etag_and_one_that_is_unchanged_is_fresh(world: World) -> None:
    watcher = world.watch(URL)
    world.ask(watcher, OTHER, URL)
    world.now += REFRESHED
    assert world.ask(watcher, None, URL) == Source(OTHER.networks, world.now, "", '"v2"')
    assert world.tags == ["", '"v2"']


def test_all_together_hold_a_bounded_number_of_networks(world: World) -> None:
    watcher = world.watch(NAME, URL)
    many = Answer(tuple(f"62.{n // 256}.{n % 256}.0/24" for n in range(MOST)))
    assert len(world.ask(watcher, many, URL).networks) == MOST
    refused = world.ask(watcher, OFFICE)
    assert (refused.networks, refused.at) == ((), 0)
    assert "more than 5000 networks" in refused.error


def test_a_damaged_file_begins_anew(world: World) -> None:
    world.path.write_text("{")
    assert world.ask(world.watch(), OFFICE).networks == OFFICE.networks


def test_the_file_is_written_when_something_is_new_and_now_and_then(world: World) -> None:
    watcher = world.watch()
    world.ask(watcher, OFFICE)
    before = world.path.stat().st_ino
    world.now += 60
    world.ask(watcher, OFFICE)
    assert world.path.stat().st_ino == before
    world.now += REFRESHED
    assert world.ask(watcher, OFFICE).at == world.now


def test_a_full_disk_is_tried_again(world: World, tmp_path: Path) -> None:
    watcher = world.watch()
    watcher.ask(NAME)
    obstacle = tmp_path / "looked_up.json.new"
    obstacle.mkdir()
    with pytest.raises(OSError, match="directory"):
        watcher.write()
    obstacle.rmdir()
    watcher.write()
    assert read_sources(str(world.path))[NAME].networks == OFFICE.networks
