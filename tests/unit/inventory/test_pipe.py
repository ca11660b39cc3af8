"""`lookup('pipe', ...)` runs a command in verbs that connect, once, and hides its output."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.errors import InputError
from provision.inventory.expressions import Scope
from provision.inventory.loader import build_scopes, load
from provision.inventory.lookups import Commands
from provision.inventory.vault.hidden import Hidden
from provision.inventory.vault.keyring import Keyring
from provision.masking import MASK, Secrets
from tests.unit.inventory.inventories import list_problems, write

HOSTS = "web: {hosts: {'h[1:3]': }}"


def read(
    folder: Path, variables: str, hidden: Hidden | None = None, allowed: bool = True
) -> list[Scope]:
    """Return the variables of three hosts, each with these variables."""
    write(folder, hosts__yml=HOSTS, group_vars__web__yml=variables)
    found = load(folder, keyring=Keyring(hidden=hidden))
    return list(build_scopes(found, Commands(folder, allowed)).values())


def fail(folder: Path, variables: str, name: str) -> str:
    with pytest.raises(InputError) as error:
        read(folder, variables)[0][name]
    (problem,) = list_problems(error, folder)
    return problem


@pytest.mark.parametrize(
    "written",
    [
        "lookup('pipe', 'printf \"s3cret \\n\\n\"')",
        "lookup('ansible.builtin.pipe', 'printf s3cret')",
        "query('pipe', 'printf s3cret')[0]",
        "lookup('pipe', 'read x || printf s3cret')",
    ],
)
def test_the_output_is_the_value(tmp_path: Path, written: str) -> None:
    secrets = Secrets()
    found = read(tmp_path, f"x: >-\n  {{{{ {written} }}}}", Hidden(secrets))
    assert found[0]["x"] == "s3cret"
    assert secrets.mask("the s3cret") == f"the {MASK}"


def test_several_commands_are_joined_as_in_ansible(tmp_path: Path) -> None:
    text = "{{ lookup('pipe', 'echo one', 'echo two') }}"
    assert read(tmp_path, f'x: "{text}"')[0]["x"] == "one,two"


def test_a_command_runs_in_the_folder_of_the_playbook(tmp_path: Path) -> None:
    assert read(tmp_path, "x: \"{{ lookup('pipe', 'pwd') }}\"")[0]["x"] == str(tmp_path)


@pytest.mark.parametrize("code", [0, 1])
def test_each_command_runs_once_for_all_hosts(tmp_path: Path, code: int) -> None:
    one = f"echo run >> {tmp_path}/runs; exit {code}"
    variables = (
        f"x: \"{{{{ lookup('pipe', '{one}') }}}}\"\ny: \"{{{{ lookup('pipe', '{one}') }}}}\""
    )
    for found in read(tmp_path, variables):
        for name in ("x", "y"):
            if code:
                with pytest.raises(InputError):
                    found[name]
            else:
                assert found[name] == ""
    assert (tmp_path / "runs").read_text() == "run\n"


def test_an_unused_variable_runs_nothing(tmp_path: Path) -> None:
    found = read(tmp_path, f"x: \"{{{{ lookup('pipe', 'touch {tmp_path}/ran') }}}}\"\ny: 1")
    assert found[0]["y"] == 1
    assert not (tmp_path / "ran").exists()


def test_a_placeholder_stands_for_each_command_that_may_not_run(tmp_path: Path) -> None:
    variables = "\n".join(
        f"{name}: \"{{{{ lookup('pipe', 'touch {tmp_path}/{file}') }}}}\""
        for name, file in [("x", "a"), ("y", "a"), ("z", "b")]
    )
    found = read(tmp_path, variables + "\nmade: '{{ x | upper }}'\nother: 1", allowed=False)[0]
    assert found["x"] == found["y"] != found["z"]
    assert str(found["x"]).startswith("output-of-pipe-")
    assert found["made"] == str(found["x"]).upper()
    assert found["other"] == 1
    assert set(found.placeholders) == {"x", "y", "z", "made"}
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "made",
    [
        "(OUTPUT | from_json).data.password",
        "(OUTPUT | from_yaml).password",
        "OUTPUT.split(':')[1]",
        "OUTPUT | b64decode",
        "parts.password",
        "[parts.password]",
        "{'a': (OUTPUT | from_json).a}.a",
    ],
)
def test_a_part_of_an_output_that_is_not_there_yet_has_a_placeholder_too(
    tmp_path: Path, made: str
) -> None:
    output = f"lookup('pipe', 'touch {tmp_path}/ran')"
    text = (
        f'parts: "{{{{ {output} | from_yaml }}}}"\nx: "{{{{ {made.replace("OUTPUT", output)} }}}}"'
    )
    found = read(tmp_path, text, allowed=False)[0]
    assert "output-of-pipe-" in str(found["x"])
    assert "x" in found.placeholders
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "wrong",
    ["OUTPUT ~ nothing", "OUTPUT | no_such_filter", "lookup('url', OUTPUT)", "OUTPUT * 100000000"],
)
def test_an_error_that_no_output_could_cure_is_one_without_the_output_too(
    tmp_path: Path, wrong: str
) -> None:
    expression = wrong.replace("OUTPUT", "lookup('pipe', 'true')")
    text = f'x: "{{{{ {expression} }}}}"'
    with pytest.raises(InputError):
        read(tmp_path, text, allowed=False)[0]["x"]


def test_no_error_quotes_what_is_made_from_an_output(tmp_path: Path) -> None:
    text = "x: \"{{ {}[lookup('pipe', 'printf zq7vsecret') | upper] }}\""
    assert "ZQ7V" not in fail(tmp_path, text, "x")


def test_a_failing_command_is_an_error_with_its_place_and_its_words(tmp_path: Path) -> None:
    text = "x: 1\nurl: \"{{ lookup('pipe', 'echo no such item >&2; exit 3') }}\""
    assert fail(tmp_path, text, "url") == (
        "group_vars/web.yml:2: url: the template fails: lookup('pipe'): "
        "echo no such item >&2; exit 3 ends with exit code 3, and says: no such item"
    )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("/opt/no-such/op read op-//x/Zq7v", "/opt/no-such/op ends with exit code 127; run it by"),
        ("X=Zq7v false Zq7v", "false ends with exit code 1"),
        ("(Zq7v", "its command ends with exit code 2"),
        ("echo Zq7v >&2; exit 1", "echo ends with exit code 1"),
    ],
)
def test_of_a_command_for_a_secret_an_error_names_the_program_only(
    tmp_path: Path, command: str, expected: str
) -> None:
    problem = fail(tmp_path, f"my_token: \"{{{{ lookup('pipe', '{command}') }}}}\"", "my_token")
    assert problem.startswith(
        "group_vars/web.yml:1: my_token: the template fails: lookup('pipe'): "
    )
    assert expected in problem
    assert "Zq7v" not in problem


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("printf \\\\377", "writes something that is not UTF-8"),
        ("head -c 70000000 /dev/zero", "writes more than 64 MiB"),
        ("head -c 2000000 /dev/zero", "a value must have at most 1000000 characters"),
    ],
)
def test_an_output_that_is_no_value_is_an_error(
    tmp_path: Path, command: str, expected: str
) -> None:
    problem = fail(tmp_path, f'x: \'{{{{ lookup("pipe", "{command}") }}}}\'', "x")
    assert expected in problem


def test_an_output_that_is_too_short_to_be_masked_is_a_warning(tmp_path: Path) -> None:
    hidden = Hidden()
    found = read(tmp_path, "x: \"{{ lookup('pipe', 'echo abc') }}\"", hidden)
    assert found[0]["x"] == found[1]["x"] == "abc"
    assert hidden.warnings == (
        f"{tmp_path}/group_vars/web.yml:1: x is secret, but with fewer than 4 characters it is not masked; "
        "use a longer secret, or do not encrypt it",
    )
