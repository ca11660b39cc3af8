"""The database of autonomous systems: a file that is looked up, renewed, and may be damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from rules.database import Database, open_database, read_number
from rules.systems import Systems

from tests.bench.campaigns.mmdb import write_database
from tests.unit.rules.systems_model import NETWORKS, look_up_in

ADDRESSES = ("203.0.113.9", "198.51.100.77", "45.1.2.3", "9.9.9.9", "2001:db8:7::1", "2a00::1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "asn.mmdb"
    write_database(path, NETWORKS)
    return path


def test_an_address_has_its_system(path: Path) -> None:
    look_up, expected = open_database(str(path)), look_up_in(NETWORKS)
    for address in ADDRESSES:
        assert look_up(address)[0] == expected(address)[0]
        if expected(address)[0]:
            assert look_up(address)[1] == expected(address)[1]


def test_a_system_has_all_its_networks(path: Path) -> None:
    systems = Systems(open_database(str(path)))
    found = systems.list_networks(64500, [])
    assert set(found) == {"198.51.100.0/24", "203.0.0.0/16", "2001:db8::/32"}
    assert systems.list_networks(64501, []) == ["45.1.0.0/16"]
    assert systems.list_networks(64999, []) == []


@pytest.mark.parametrize(
    ("record", "number"),
    [
        ({"autonomous_system_number": 64500, "autonomous_system_organization": "x"}, 64500),
        ({"asn": "AS64500", "name": "x"}, 64500),
        ({"asn": "x"}, 0),
        ({"country": {"iso_code": "DE"}}, 0),
        (None, 0),
        ("AS64500", 0),
    ],
)
def test_the_number_is_read_from_the_fields_that_databases_have(
    record: object, number: int
) -> None:
    assert read_number(record) == number


@pytest.mark.parametrize("content", [b"", b"text", bytes(100_000)])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "asn.mmdb"
    path.write_bytes(content)
    with pytest.raises(ValueError):
        open_database(str(path))
    assert Database(str(path)).open() is None


def test_a_database_whose_type_does_not_tell_must_know_a_well_known_address(path: Path) -> None:
    def name_otherwise() -> str:
        path.write_bytes(path.read_bytes().replace(b"Test-ASN", b"standard"))
        return str(path)

    with pytest.raises(ValueError, match="no autonomous systems"):
        open_database(name_otherwise())
    write_database(path, {"8.8.8.0/24": 15169})
    assert open_database(name_otherwise())("8.8.8.8") == (15169, 24)


def test_a_site_without_a_database_has_no_systems() -> None:
    database = Database("")
    assert not database.is_changed()
    assert database.open() is None


def test_a_database_that_comes_later_or_is_newer_is_opened(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    newer = tmp_path / "newer"
    write_database(newer, {"9.9.0.0/16": 64509})
    database = Database(str(tmp_path / "link"))
    assert database.is_changed()
    assert database.open() is None
    assert "so the rule asn bans nothing" in caplog.text
    assert not database.is_changed()
    (tmp_path / "link").symlink_to(path)
    assert database.is_changed()
    first = database.open()
    assert first is not None
    assert first.find("45.1.2.3") == 64501
    newer.rename(path)
    second = database.open()
    assert second is not None
    assert (second.find("45.1.2.3"), second.find("9.9.9.9")) == (0, 64509)
    assert not database.is_changed()


def test_a_damaged_database_leaves_the_last_good_one(path: Path, tmp_path: Path) -> None:
    database = Database(str(path))
    first = database.open()
    (tmp_path / "new").write_bytes(b"nothing")
    (tmp_path / "new").rename(path)
    assert database.open() is first
