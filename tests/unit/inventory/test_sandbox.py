"""Expressions of an inventory cannot run code, and cannot exhaust the controller."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provision.errors import InputError
from tests.unit.inventory.inventories import list_problems, read_scope

CODE = [
    "{{ cycler.__init__.__globals__.os.popen('touch HERE').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ dict.__base__ }}",
    "{{ dict.mro() }}",
    "{{ range.__class__ }}",
    "{{ lookup.__self__ }}",
    "{{ lookup.__func__.__globals__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ '' | attr('__class__') }}",
    "{{ [''] | map(attribute='__class__') | list }}",
    "{{ '{0.__class__}'.format(1) }}",
    "{{ '{a.__class__}'.format_map({'a': 1}) }}",
    "{{ ('{0.__class__}' | attr('format'))(1) }}",
    "{{ self.__init__ }}",
    "{{ self._TemplateReference__context }}",
    "{% macro f() %}{% endmacro %}{{ f._func }}",
    "{{ hostvars.h._variables }}",
    "{{ hostvars.__class__ }}",
    "{{ listed.append(1) }}",
    "{{ {'a': 1}.update({}) }}",
    "{% include '/etc/passwd' %}",
    "{% import '/etc/passwd' as x %}",
    "{% extends '/etc/passwd' %}",
    "{{ lookup('password', 'HERE') }}",
    "{{ lookup('url', 'http://127.0.0.1:9/') }}",
    "{{ lookup('template', 'HERE') }}",
    "{{ lookup.__closure__ }}",
    "{{ now.__globals__ }}",
    "{{ undef.__globals__ }}",
    "{{ vars._scope }}",
    "{{ vars.__class__ }}",
    "{{ hostvars['h']._scope }}",
    "{{ omit.__class__ }}",
    "{{ ['lookup'] | map('extract', vars) | list }}",
    "{{ 'x' | extract({'x': omit.__class__}) }}",
    "{{ lookup }}",
    "{{ [joiner] }}",
    "{{ lookup('community.general.anything', 'x') }}",
]
TOO_MUCH = [
    "{{ range(10**10) | list }}",
    "{{ 'x' * 10**9 }}",
    "{{ 10**9 * 'x' }}",
    "{{ [1] * 10**9 }}",
    "{{ 10**(10**10) }}",
    "{{ (10**1000) ** 1000 }}",
    "{{ (10**1000) * (10**1000) }}",
    "{{ 'x' * 600000 ~ 'x' * 600000 }}",
    "{{ 'x' * 600000 }}{{ 'x' * 600000 }}",
    "{{ '%2000000d' % 1 }}",
    "{{ 'x' | center(2000000) }}",
    "{{ '{:2000000}'.format(1) }}",
    "{{ [[1] * 1000] * 1000 }}",
    "{% for a in range(99999) %}{{ 'x' * 99999 }}{% endfor %}",
    "{{ lookup('file', '/dev/zero') }}",
    "{{ range(99999) | permutations }}",
    "{{ range(999) | product(range(999), range(999)) }}",
    "{{ range(999) | combinations(3) }}",
    "{{ {} | to_nice_json(indent=10**9) }}",
    "{{ [[1]] | to_nice_yaml(indent=10**9) }}",
    "{{ ('x' * 999999) | regex_replace('x', 'y') }}",
    "{{ ('x' * 99999) | regex_replace('x', 'y' * 1001) }}",
    "{{ [1] | product(repeat=10**9) }}",
    "{{ ('[' * 99999) | from_json }}",
]
FAILS = [
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "-" * 60000 + "1 }}",
    "{{ 1" + " + 1" * 30000 + " }}",
    "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "{% for a in [[]] recursive %}{{ loop([[]]) }}{% endfor %}",
    "{{ 2.0 ** 100000 }}",
    "{{ 'x' * (10**30) }}",
    "{{ 1 + 'x' }}",
    "{{ 1 / 0 }}",
    "{{ 'x' | nothing }}",
    "{{ [nothing] }}",
    "{{ {'a': [nothing]} }}",
    "{{ ok() }}",
    "{% for %}",
]


@pytest.mark.parametrize("text", CODE + TOO_MUCH + FAILS, ids=lambda text: text[:50])
def test_an_expression_that_is_refused_or_fails_is_an_error_at_its_line(
    tmp_path: Path, text: str
) -> None:
    written = text.replace("HERE", f"{tmp_path}/proof").replace('"', '\\"')
    found = read_scope(tmp_path, f'ok: 1\nlisted: [1, 2]\nx: "{written}"\n')
    with pytest.raises(InputError) as error:
        found["x"]
    assert list_problems(error, tmp_path)[0].startswith("host_vars/h.yml:3: x: ")
    assert not (tmp_path / "proof").exists()
    assert found["ok"] == 1


def test_a_file_that_never_ends_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_text("x" * 1_000_001)
    found = read_scope(
        tmp_path, "a: \"{{ lookup('file', 'pipe') }}\"\nb: \"{{ lookup('file', 'large') }}\""
    )
    with pytest.raises(InputError, match="regular file"):
        found["a"]
    with pytest.raises(InputError, match="at most 1000000 bytes"):
        found["b"]


def test_variables_that_double_each_other_stop_at_the_limit(tmp_path: Path) -> None:
    text = "v0: aa\n" + "".join(f"v{n + 1}: '{{{{ v{n} }}}}{{{{ v{n} }}}}'\n" for n in range(40))
    found = read_scope(tmp_path, text)
    with pytest.raises(InputError, match="1000000"):
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
        ("{{ listed | join('; ') | replace(';', ',') }}", "1, 2"),
        ("{{ listed | map('string') }}", ["1", "2"]),
        ("{{ 'a%s' | format(ok) }}", "a1"),
        ("{{ '%03d-%s' % (ok, 'b') }}", "001-b"),
        ("{{ '{:>3}{}'.format(ok, 'b') }}", "  1b"),
        ("{{ '{a}'.format_map({'a': 1}) }}", "1"),
        ("{{ 2.567 | round(1) }}", 2.6),
        ("{{ {'a': listed} | tojson }}", '{"a": [1, 2]}'),
        ("{{ dict(a=1, **{'b': 2}) }}", {"a": 1, "b": 2}),
        ("{{ {'b': 1, 'a': 2} | dictsort }}", [("a", 2), ("b", 1)]),
        ("{{ {'a': 1} | items | list }}", [("a", 1)]),
        ("{{ [{'n': 'a'}, {'n': 'b'}] | map(attribute='n') | list }}", ["a", "b"]),
        ("{{ [{'n': 2}, {'n': 1}] | sort(attribute='n') | first }}", {"n": 1}),
        ("{{ [{'n': 2}] | selectattr('n', 'eq', 2) | list | length }}", 1),
        ("{{ [{'n': 2}] | groupby('n') | length }}", 1),
        ("{{ [3, 1] | sort | last }}", 3),
        ("{{ listed | batch(1) | list }}", [[1], [2]]),
        ("{{ listed | random in listed }}", True),
        ("{{ 'a b' | urlencode }}", "a%20b"),
        ("{{ 'ab' | center(4) }}", " ab "),
        ("{{ 'a\\nb' | indent(2) }}", "a\n  b"),
        ("{{ 'one two' | wordcount }}", 2),
        ("{{ 'x'.zfill(3) ~ 'ab'.partition('b')[0] }}", "00xa"),
        ("{{ nothing | default('none') }}", "none"),
        ("{{ ok is defined and listed is iterable and ok is odd }}", True),
        (
            "{% set ns = namespace(sum=0) %}{% for i in listed %}{% set ns.sum = ns.sum + i %}"
            "{% endfor %}{{ ns.sum }}",
            3,
        ),
        ("{% set comma = joiner() %}{% for i in listed %}{{ comma() }}{{ i }}{% endfor %}", "1, 2"),
        ("{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}", "ab"),
        ("{% set a %}x{{ ok }}{% endset %}{{ a }}", "x1"),
        ("{% macro f(n) %}<{{ n }}>{% endmacro %}{{ f(1) }}{{ f(2) }}", "<1><2>"),
        ("{% for i in listed %}{{ loop.index }}{{ '' if loop.last else '-' }}{% endfor %}", "1-2"),
        (
            "{% for a in [1] %}{% for b in [1] %}{% for c in [1] %}x{% endfor %}{% endfor %}"
            "{% endfor %}",
            "x",
        ),
        ("{% filter upper %}a{% endfilter %}b", "Ab"),
        ("{% with a = 1 %}{{ a }}{% endwith %}x", "1x"),
        ("{{ hostvars['h'].listed[-1] }}", 2),
        ("{{ hostvars[inventory_hostname]['ok'] }}", 1),
        ("{{ range(0, 10, 5) | list }}", [0, 5]),
        ("{{ 10 ** 9 * 10 }}", 10_000_000_000),
    ],
)
def test_common_expressions_still_work(tmp_path: Path, text: str, value: object) -> None:
    found = read_scope(tmp_path, f'ok: 1\nlisted: [1, 2]\nx: "{text}"\n')
    assert found["x"] == value
