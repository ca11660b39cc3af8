"""Expressions of an inventory yield the same values as in ansible-core."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from provision.errors import InputError
from provision.inventory.expressions import Scope
from provision.inventory.loader import build_scopes, load
from tests import PROJECT
from tests.unit.inventory.ansible_core import start_ansible
from tests.unit.inventory.inventories import write

_TABLE = PROJECT / "tests" / "fixtures" / "expressions.txt"
EXPRESSIONS = [
    line.replace("↵", "\n")
    for line in _TABLE.read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
VARIABLES = r"""
dd: {a: 1, b: "{{ nothing }}", c: 2, d: "{{ number }}", n: {m: {k: 7}}}
dd2: {bad: "{{ 1/0 }}", ok: 1}
lst: [1, 2]
listu: ["{{ nothing }}", 5]
pre_x: 3
nested: {deep: [{x: "{{ number }}"}, {x: 2, zz: "{{ nothing }}"}]}
chain1: "{{ number }}"
chain2: "{{ chain1 }}"
chain3: "{{ chain2 }}-{{ chain1 }}"
tern: "{{ 'p' if nothing is defined else chain3 }}"
number: 5
text: hello
broken: "{{ nothing }}"
div: "{{ 1 / 0 }}"
syn: "{{ 1 +"
loop: "{{ loop }}"
selfd: {b: 1, c: "{{ selfd.b }}"}
selfdeep: {a: {b: 1, c: "{{ selfdeep.a.b }}"}}
omitted: "{{ nothing | default(omit) }}"
withomit: {a: "{{ omit }}", b: 1, c: ["{{ omit }}", 2]}
under: "{{ nothing }}"
undefconcat: "{{ nothing ~ 'a' }}"
unsafe: !unsafe "a{{ number }}"
tmplkey: {"{{ text }}": 1}
multi: "a\n{{ number }}\n"
blk: |
  {% if number == 5 %}
    x
  {% endif %}
  y
dates: 2020-01-02
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an inventory of two hosts, one of which has a variable for each expression."""
    lines = [f"v{number}: {json.dumps(text)}\n" for number, text in enumerate(EXPRESSIONS)]
    return write(
        tmp_path_factory.mktemp("expressions"),
        hosts__yml="all: {hosts: {h: , b: }}",
        host_vars__h__yml=VARIABLES + "".join(lines),
        host_vars__b__yml="me: '{{ inventory_hostname }}'\nbroken: '{{ nowhere }}'\n",
        some__txt="file text\n",
    )


@pytest.fixture(scope="module")
def environment() -> Any:
    """Set the variable that expressions look up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BANSTITCH_SET", "from env")
        patch.delenv("NOPE", raising=False)
        yield


@pytest.fixture(scope="module")
def theirs(
    folder: Path, environment: None, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Mapping[str, Any]]:
    """Return what each expression yields in ansible-core."""
    with start_ansible(tmp_path_factory.mktemp("ansible")) as ansible:
        return ansible.evaluate(folder, "h", [f"v{number}" for number in range(len(EXPRESSIONS))])


@pytest.fixture(scope="module")
def ours(folder: Path, environment: None) -> Scope:
    return build_scopes(load(folder, playbook=folder))["h"]


def evaluate(scope: Scope, name: str) -> dict[str, Any]:
    """Return the value of a variable as JSON has it, or that it is an error."""
    try:
        return {"value": json.loads(json.dumps(scope[name], default=str))}
    except InputError:
        return {"error": "InputError"}


def test_each_expression_yields_the_same_value_as_in_ansible(
    ours: Scope, theirs: Mapping[str, Mapping[str, Any]]
) -> None:
    differing = {}
    for number, expression in enumerate(EXPRESSIONS):
        name = f"v{number}"
        found = evaluate(ours, name)
        expected = theirs[name] if "value" in theirs[name] else {"error": "InputError"}
        if found != expected:
            differing[expression] = (found, expected)
    assert differing == {}
