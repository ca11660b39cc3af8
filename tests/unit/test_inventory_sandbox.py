"""Expressions of an inventory run no code, and cannot use up the controller."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provision.errors import InputError
from tests.unit.inventories import faults, scope

CODE = [
    # finding 15
    "{{ cycler.__init__.__globals__.os.popen('touch HERE').read() }}",
    "{{ lookup.__self__ }}",
    "{{ lookup.__func__.__globals__ }}",
    "{{ lookup }}",
    "{{ [lookup, range] }}",
    "{{ listed | map('string') }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ '' | attr('__class__') }}",
    "{{ [''] | map(attribute='__class__') | list }}",
    "{{ '{0.__class__}'.format(1) }}",
    "{{ '{0.__class__}' | format(1) }}",
    "{{ ''.format_map({}) }}",
    "{{ self.__init__ }}",
    "{{ hostvars.h._variables }}",
    "{{ hostvars.h.where('ok') }}",
    "{{ hostvars.__class__ }}",
    "{{ listed.append(1) }}",
    "{{ namespace(a=1) }}",
    "{{ joiner() }}",
    "{{ range.__class__ }}",
    "{% include '/etc/passwd' %}",
    "{% import '/etc/passwd' as x %}",
    "{% extends '/etc/passwd' %}",
    "{{ lookup('pipe', 'touch HERE') }}",
    "{{ lookup('community.general.anything', 'x') }}",
]
TOO_MUCH = [
    "{{ range(10**10) | list }}",
    "{{ range(10**10) | length }}",
    "{{ 'x' * 10**9 }}",
    "{{ 10**9 * 'x' }}",
    "{{ [1] * 10**9 }}",
    "{{ 10**(10**10) }}",
    "{{ (10**1000) ** 1000 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ 'x'.ljust(10**9) }}",
    "{{ 'x'.zfill(10**9) }}",
    "{{ 'x' | center(10**9) }}",
    "{{ 'x' | indent(10**9) }}",
    "{{ [1] | batch(10**9, 'x') | list }}",
    "{{ [1] | tojson(indent=10**9) }}",
    "{{ 1 | round(-10**9) }}",
    "{{ lipsum(10**9) }}",
    "{{ ('x' * 200000) | replace('', 'y' * 200000) }}",
    "{{ ('x' * 200000).replace('', 'y' * 200000) }}",
    "{{ range(10000) | join('y' * 200000) }}",
    "{{ ('y' * 200000).join(listed) ~ 'y' * 200000 }}",
    "{{ 'x' * 200000 ~ 'x' * 200000 }}",
    "{{ 'x' * 200000 }}{{ 'x' * 200000 }}",
    "{% set a = 'x' * 200000 %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
    "{% set a = listed * 1000 %}" + "{% set a = a + a %}" * 60 + "{{ a | length }}",
    "{% set a %}xx{% endset %}{{ a }}",
    "{% for a in range(9) %}{% for b in range(9) %}{% for c in range(9) %}x{% endfor %}"
    "{% endfor %}{% endfor %}",
    "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "{% for a in listed recursive %}{{ loop(listed) }}{% endfor %}",
    "{{ lookup('file', '/dev/zero') }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "-" * 60000 + "1 }}",
    "{{ 1" + " + 1" * 30000 + " }}",
]


@pytest.mark.parametrize("text", CODE + TOO_MUCH, ids=lambda text: text[:50])
def test_an_expression_that_is_not_allowed_is_an_error_at_its_line(
    tmp_path: Path, text: str
) -> None:
    written = text.replace("HERE", f"{tmp_path}/proof").replace('"', '\\"')
    found = scope(tmp_path, f'ok: 1\nlisted: [1, 2]\nx: "{written}"\n')
    with pytest.raises(InputError) as error:
        found["x"]
    assert faults(error, tmp_path)[0].startswith("host_vars/h.yml:3: x: ")
    assert not (tmp_path / "proof").exists()
    assert found["ok"] == 1


def test_a_file_that_never_ends_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_text("x" * 300_000)
    found = scope(
        tmp_path, "a: \"{{ lookup('file', 'pipe') }}\"\nb: \"{{ lookup('file', 'large') }}\""
    )
    with pytest.raises(InputError, match="regular file"):
        found["a"]
    with pytest.raises(InputError, match="at most 262144 bytes"):
        found["b"]


def test_variables_that_double_each_other_end_at_the_limit(tmp_path: Path) -> None:
    text = "v0: aa\n" + "".join(f"v{n + 1}: '{{{{ v{n} }}}}{{{{ v{n} }}}}'\n" for n in range(40))
    found = scope(tmp_path, text)
    with pytest.raises(InputError, match="262144"):
        found["v40"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ listed | map('string') | join(', ') }}", "1, 2"),
        ("{{ groups.all | length + 1 }}", 2),
        ("{% for each in listed %}{{ each }};{% endfor %}", "1;2;"),
        ("{{ 'a-b'.replace('-', '_') | upper }}", "A_B"),
        ("{{ 'a,b'.split(',') }}", ["a", "b"]),
        ("{{ hostvars.h.get('ok') }}", 1),
        ("{{ inventory_hostname ~ '-' ~ ok }}", "h-1"),
        ("{{ (5 * 3) % 4 + 2 ** 3 }}", 11),
        ("{{ 'x' if ok == 1 else 'y' }}", "x"),
        ("{{ {'a': 1}.items() | list }}", [("a", 1)]),
        ("{{ range(3) | list }}", [0, 1, 2]),
        ("{{ listed | default([]) | select('>', 1) | first }}", 2),
        ("{{ '-'.join(['a', 'b']) }}", "a-b"),
    ],
)
def test_what_inventories_use_every_day_still_works(
    tmp_path: Path, text: str, value: object
) -> None:
    found = scope(tmp_path, f'ok: 1\nlisted: [1, 2]\nx: "{text}"\n')
    assert found["x"] == value
