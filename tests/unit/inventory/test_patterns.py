"""--limit accepts Ansible's patterns, and a mistake never selects more hosts, or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.errors import InputError
from provision.inventory.loader import Host, Inventory
from provision.inventory.patterns import select
from provision.inventory.variables import Where

GROUPS = {
    "all": ("web1", "web2", "db1", "db2", "lone"),
    "web": ("web1", "web2"),
    "db": ("db1", "db2"),
    "east": ("web1", "db1"),
    "empty": (),
    "ungrouped": ("lone",),
}
HOSTS = {name: Host(name, Where("hosts.yml", 1), {}, ()) for name in GROUPS["all"]}
INVENTORY = Inventory(Path("hosts.yml"), HOSTS, GROUPS)


@pytest.mark.parametrize(
    ("pattern", "hosts"),
    [
        ("all", "web1 web2 db1 db2 lone"),
        ("*", "web1 web2 db1 db2 lone"),
        ("web1", "web1"),
        ("web", "web1 web2"),
        ("web,db1", "web1 web2 db1"),
        ("web:db1", "web1 web2 db1"),
        ("web, db1", "web1 web2 db1"),
        ("*1", "web1 db1"),
        ("web?", "web1 web2"),
        ("?e[ab]*", "web1 web2"),
        ("web[1]", "web2"),
        ("web[0]", "web1"),
        ("web[-1]", "web2"),
        ("all[1:2]", "web2 db1"),
        ("all[3:]", "db2 lone"),
        ("web:&east", "web1"),
        ("&east", "web1 db1"),
        ("!web", "db1 db2 lone"),
        ("!web1:web", "web2"),
        ("web,db,&east,!db1", "web1"),
        ("~(web|db)2", "web2 db2"),
        ("~(w.*:x|db1)", "db1"),
        ("all,!~db", "web1 web2 lone"),
    ],
)
def test_a_pattern_selects(pattern: str, hosts: str) -> None:
    assert select(INVENTORY, pattern) == frozenset(hosts.split())


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("wbe1", "wbe1 matches no host; did you mean web1?"),
        ("web,nothing-like-it", "nothing-like-it matches no host; there are db1, db2, lone"),
        ("all:!wev", "wev matches no host; did you mean web?"),
        ("all:&dbb", "dbb matches no host; did you mean db?"),
        ("empty", "empty matches no host"),
        ("web[7]", "web[7] matches no host"),
        ("~xyz", "~xyz matches no host"),
        ("~(", "~( must be a regular expression"),
        ("~[[a", "~[[a must be a regular expression: unterminated character set"),
        ("~a{99999999999}", "must be a regular expression: the repetition number is too large"),
        ("web:!web", "web:!web leaves no host"),
        ("", "'' names nothing; write all for every host"),
        (" , ", "names nothing"),
        ("!", "matches no host"),
        ("@/nowhere", "@/nowhere cannot be read"),
    ],
)
def test_a_pattern_that_matches_nothing_is_an_error(pattern: str, expected: str) -> None:
    with pytest.raises(InputError) as error:
        select(INVENTORY, pattern)
    assert str(error.value).startswith("--limit: ")
    assert expected in str(error.value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("pattern", ["~[[w]eb1", "~[a-w&&x]eb1"])
def test_a_future_change_of_python_is_not_a_warning_to_the_operator(pattern: str) -> None:
    assert select(INVENTORY, pattern) == {"web1"}


def test_a_file_of_names_counts_like_the_names(tmp_path: Path) -> None:
    names = tmp_path / "names"
    names.write_text("# those that failed\nweb1\n\ndb\n")
    assert select(INVENTORY, f"@{names}") == {"web1", "db1", "db2"}
    assert select(INVENTORY, f"@{names},!db1") == {"web1", "db2"}


def test_an_empty_file_of_names_does_not_mean_every_host(tmp_path: Path) -> None:
    (tmp_path / "names").write_text("\n")
    with pytest.raises(InputError, match="names nothing"):
        select(INVENTORY, f"@{tmp_path}/names")


NAMES = st.lists(st.sampled_from([*GROUPS["all"], "web", "db", "east"]), min_size=1, max_size=4)


@given(NAMES, NAMES, NAMES)
def test_patterns_are_set_algebra(plain: list[str], both: list[str], without: list[str]) -> None:
    def members(names: list[str]) -> list[set[str]]:
        return [set(GROUPS.get(name, (name,))) for name in names]

    expected = set[str]().union(*members(plain)).intersection(*members(both))
    expected -= set[str]().union(*members(without))
    pattern = ",".join([*(f"!{n}" for n in without), *(f"&{n}" for n in both), *plain])
    if expected:
        assert select(INVENTORY, pattern) == expected
    else:
        with pytest.raises(InputError, match="leaves no host"):
            select(INVENTORY, pattern)


@given(st.text(alphabet="web12*?[]!&~:,()db", max_size=12))
def test_any_text_selects_known_hosts_or_is_an_error(pattern: str) -> None:
    try:
        assert select(INVENTORY, pattern) <= set(HOSTS)
    except InputError:
        return


def test_a_word_that_names_a_group_does_not_name_a_host_besides() -> None:
    groups = {"all": ("web", "w1"), "web": ("w1",), "ungrouped": ("web",)}
    hosts = {name: Host(name, Where("hosts.yml", 1), {}, ()) for name in groups["all"]}
    inventory = Inventory(Path("hosts.yml"), hosts, groups)
    assert select(inventory, "web") == {"w1"}
    assert select(inventory, "we*") == {"web", "w1"}
    assert select(inventory, "all[0-1]") == {"web", "w1"}
