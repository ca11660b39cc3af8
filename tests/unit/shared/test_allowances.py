"""The file of allowances: what is written is read, and what is damaged is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from banstitch_shared.allowances import Allowance, format_allowances, read_allowances

NOW = 1_800_000_000.0
ONE = Allowance("203.0.113.9", NOW + 60, NOW, "root@pc", "a guest")
NETWORK = Allowance(
    "2001:db8::/48", NOW + 3600, NOW, "root@pc", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
)


def test_what_is_written_is_read_until_its_time_is_over(tmp_path: Path) -> None:
    path = tmp_path / "allowed.json"
    path.write_text(format_allowances([ONE, NETWORK]))
    assert read_allowances(str(path), NOW) == [ONE, NETWORK]
    assert read_allowances(str(path), NOW + 60) == [NETWORK]


def test_nobody_is_allowed_where_there_is_no_file(tmp_path: Path) -> None:
    assert read_allowances(str(tmp_path / "none"), NOW) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        '[{"network": "203.0.113.9"}]',
        '[{"network": "203.0.113.009", "until": 1, "since": 1, "by": "", "why": ""}]',
        '[{"network": "example.org", "until": 1, "since": 1, "by": "", "why": ""}]',
        '[{"network": "203.0.113.9", "until": "soon", "since": 1, "by": "", "why": ""}]',
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "allowed.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"."):
        read_allowances(str(path), NOW)
