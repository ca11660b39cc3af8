"""Any inventory gives the same hosts, groups and variables as in ansible-core."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from provision.inventory.loader import load
from tests.unit.inventory.ansible_core import AnsibleCore, list_groups, list_hosts

pytestmark = pytest.mark.slow

GROUPS = ("a", "b", "c", "d", "e-1", "ungrouped", "all")
HOSTS = ("h1", "h2", "h[1:3]", "n-[a:c]x", "h1:2222", "[2001:db8::10]:22", "h.example.org")
NAMES = ("x", "y", "z", "ansible_group_priority")


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 99),
    st.sampled_from(("text", "{{ x }}", "1", "", "yes", "a b", "1e3", "0x10", "2026-01-02")),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(st.sampled_from(("k", "l")), st.integers(0, 3), max_size=2),
)
variables = st.one_of(
    st.dictionaries(st.sampled_from(NAMES[:3]), values, max_size=3),
    st.fixed_dictionaries({"ansible_group_priority": st.integers(-2, 20)}),
)
host_maps = st.dictionaries(
    st.sampled_from(HOSTS),
    st.none() | st.dictionaries(st.sampled_from(NAMES[:3]), values, max_size=2),
    max_size=3,
)


def later_than(name: str) -> list[str]:
    """Return the groups that may be in this one; what is in ``ungrouped`` confuses Ansible itself."""
    return [other for other in GROUPS[:5] if name == "all" or name < other < "ungrouped"]


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Return a document in YAML that mostly has no loops: children come later in the alphabet."""

    def body(name: str) -> object:
        later = later_than(name)
        parts = draw(st.sets(st.sampled_from(("vars", "hosts", "children", "note"))))
        found: dict[str, object] = {}
        if "vars" in parts:
            found["vars"] = draw(st.none() | variables)
        if "hosts" in parts:
            found["hosts"] = draw(host_maps | st.none() | st.sampled_from(HOSTS))
        if "children" in parts and later:
            names = draw(st.lists(st.sampled_from(later), max_size=2, unique=True))
            lone = draw(st.booleans()) and len(names) == 1
            found["children"] = names[0] if lone else {each: body(each) for each in names}
        if "note" in parts:
            found["note"] = draw(st.none() | st.just("what it is for"))
        return found or None

    names = draw(st.lists(st.sampled_from(GROUPS), min_size=1, max_size=3, unique=True))
    return json.dumps({name: body(name) for name in names})


ini_values = st.sampled_from(
    (
        "1",
        "text",
        "'a b'",
        '"{{ x }}"',
        "[1,2]",
        "True",
        "none",
        "1.5",
        "'[1, 2]'",
        "",
        "x=y",
        "0o7",
    )
)
ini_hosts = st.tuples(
    st.sampled_from(HOSTS),
    st.lists(st.tuples(st.sampled_from(NAMES[:3]), ini_values).map("=".join), max_size=2),
    st.sampled_from(("", " # note")),
).map(lambda parts: " ".join((parts[0], *parts[1])) + parts[2])
ini_variables = st.tuples(
    st.sampled_from(NAMES[:3]), st.sampled_from(("=", " = ")), ini_values | st.just("7 # seven")
).map("".join) | st.just("ansible_group_priority=10")


def ini_sections(name: str) -> st.SearchStrategy[str]:
    kinds = ini_section(name, ini_hosts) | ini_section(f"{name}:vars", ini_variables)
    later = later_than(name)
    return kinds | ini_section(f"{name}:children", st.sampled_from(later)) if later else kinds


def ini_section(title: str, lines: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    comments = st.sampled_from(("", "# note", "; note"))
    return st.lists(lines | comments, max_size=3).map(lambda body: "\n".join((f"[{title}]", *body)))


ini_files = st.tuples(
    st.lists(ini_hosts, max_size=2).map("\n".join),
    st.lists(st.sampled_from(GROUPS).flatmap(ini_sections), max_size=4).map("\n\n".join),
    st.sampled_from(("", *[f"[{name}]" for name in GROUPS[:5]], "[a]\n[b]\n[c]\n[d]\n[e-1]")),
).map("\n".join)

beside = st.dictionaries(
    st.sampled_from(
        [
            f"group_vars/{name}"
            for name in ("all", "a.yml", "b.json", "c/1.yml", "c/2", "ungrouped.yml")
        ]
        + ["host_vars/h1", "host_vars/h2.yaml", "host_vars/h3.yml"]
    ),
    variables.map(json.dumps),
    max_size=3,
)
inventories = st.fixed_dictionaries(
    {"hosts": documents() | ini_files},
    optional={"more.yml": documents(), "old.ini": ini_files, "site/deep": ini_files | documents()},
)


def write(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(folder)


@settings(
    max_examples=75,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(st.tuples(inventories, beside, st.booleans()), min_size=1, max_size=3),
    beside,
    st.sampled_from(("", "h1,lone:22,")),
)
def test_any_inventory_is_read_as_ansible_reads_it(
    ansible: AnsibleCore,
    tmp_path_factory: pytest.TempPathFactory,
    parts: list[tuple[dict[str, str], dict[str, str], bool]],
    playbook_files: dict[str, str],
    listed: str,
) -> None:
    top = tmp_path_factory.mktemp("any")
    playbook = Path(write(top / "play", {"empty": "", **playbook_files}))
    sources = [listed] if listed else []
    for number, (files, around, whole) in enumerate(parts):
        folder = write(top / str(number), files | around)
        sources.append(folder if whole else f"{folder}/hosts")
    expected = ansible.read_inventory(sources, playbook)
    if expected["refused"]:
        event("refused by ansible")
        return
    event("compared")
    found = load(sources, (), playbook, ours=())
    assert list_hosts(found) == expected["hosts"]
    assert list_groups(found) == {name: set(names) for name, names in expected["groups"].items()}
