"""Values that ansible-vault encrypted are decrypted wherever an inventory may hold them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from provision.errors import InputError
from provision.inventory.expressions import Scope
from provision.inventory.loader import build_scopes, load
from provision.inventory.vault.keyring import Keyring
from provision.inventory.vault.passwords import VaultOptions
from provision.masking import MASK, Secrets
from tests.unit.inventory.inventories import list_problems, write, write_script
from tests.unit.inventory.vault_files import PROD, VALUES, VaultFiles, as_inline

HOSTS = "ban_hosts: {hosts: {h: }}\nweb: {hosts: {w: }}\n"


def read(
    folder: Path, vaulted: VaultFiles, secrets: Secrets | None = None, *ids: str, **files: str
) -> Scope:
    """Return the variables of the host ``h``."""
    keyring = vaulted.open_keyring(secrets or Secrets(), *ids)
    return build_scopes(load(write(folder, **files), keyring=keyring))["h"]


def fail(folder: Path, keyring: Keyring, name: str = "x") -> str:
    """Return the one problem of a variable of the host ``h``, or of the whole inventory."""
    with pytest.raises(InputError) as error:
        build_scopes(load(folder, keyring=keyring))["h"][name]
    (problem,) = list_problems(error, folder)
    return problem


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_decrypted_and_is_no_template(
    tmp_path: Path, vaulted: VaultFiles, name: str
) -> None:
    secrets = Secrets()
    hosts = {
        "hosts__yml": HOSTS,
        "host_vars__h__yml": f"x: {vaulted.inline(name)}y: '<{{{{ x }}}}>'",
    }
    found = read(tmp_path, vaulted, secrets, **hosts)
    assert (found["x"], found["y"]) == (VALUES[name], f"<{VALUES[name]}>")
    masked = secrets.mask(f"it is {VALUES[name]}")
    assert masked == (f"it is {VALUES[name]}" if name == "short" else f"it is {MASK}")


def test_values_of_several_ids_lie_in_lists_and_mappings(
    tmp_path: Path, vaulted: VaultFiles
) -> None:
    text = f"x:\n  - a: {vaulted.inline('long', 6)}  - {vaulted.inline('prod', 4)}"
    found = read(
        tmp_path,
        vaulted,
        None,
        f"prod@{vaulted.folder}/other",
        hosts__yml=HOSTS,
        host_vars__h__yml=text,
    )
    assert found["x"] == [{"a": VALUES["long"]}, PROD]


def test_a_value_fits_any_password_whatever_its_id_says(
    tmp_path: Path, vaulted: VaultFiles
) -> None:
    ids = [f"stage@{vaulted.folder}/other"]
    files = {"hosts__yml": HOSTS, "host_vars__h__yml": f"x: {vaulted.inline('prod')}"}
    assert read(tmp_path, vaulted, None, *ids, **files)["x"] == PROD
    options = VaultOptions((*ids, f"prod@{vaulted.folder}/password"))
    strict = Keyring(options, environment={"ANSIBLE_VAULT_ID_MATCH": "yes"})
    assert "no given password fits (ids tried: prod)" in fail(tmp_path, strict)


@pytest.mark.parametrize(
    "place", ["group_vars/all.yml", "group_vars/all/vault.yml", "host_vars/h", "host_vars/h/a.json"]
)
def test_a_file_of_variables_may_be_encrypted(
    tmp_path: Path, vaulted: VaultFiles, place: str
) -> None:
    secrets = Secrets()
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text(vaulted.read("vars.yml"))
    keyring = vaulted.open_keyring(secrets)
    found = build_scopes(load(write(tmp_path, hosts__yml=HOSTS), keyring=keyring))["h"]
    values = (found["pw"], found["made"], found["pin"], found["flag"], found["port"])
    assert values == ("s3cret-in-a-file", "joined-s3cret-in-a-file", 271828, True, 22)
    assert secrets.mask(str(found["day"])) == MASK
    assert secrets.mask("joined-s3cret-in-a-file 271828 True") == f"{MASK} {MASK} True"
    assert [w.removeprefix(f"{tmp_path}/{place}") for w in keyring.hidden.warnings] == [
        ":6: port is secret, but with fewer than 4 characters it is not masked; "
        "use a longer secret, or do not encrypt it"
    ]


@pytest.mark.parametrize(
    ("name", "value"), [("hosts.yml", "s3cret-in-the-inventory"), ("hosts.ini", "s3cret-in-ini")]
)
def test_an_inventory_may_be_encrypted(
    tmp_path: Path, vaulted: VaultFiles, name: str, value: str
) -> None:
    secrets = Secrets()
    (tmp_path / name).write_text(vaulted.read(name))
    assert read(tmp_path, vaulted, secrets)["pw"] == value
    assert secrets.mask(f"{value} h web") == f"{MASK} h web"
    assert "is encrypted with ansible-vault, and no password was given" in fail(tmp_path, Keyring())


def test_a_file_of_extra_variables_may_be_encrypted(tmp_path: Path, vaulted: VaultFiles) -> None:
    secrets = Secrets()
    extra = [f"@{vaulted.folder}/vars.yml"]
    folder = write(tmp_path, hosts__yml=HOSTS)
    found = build_scopes(load(folder, extra, keyring=vaulted.open_keyring(secrets)))["h"]
    assert found["pw"] == "s3cret-in-a-file"
    assert secrets.mask("s3cret-in-a-file") == MASK
    with pytest.raises(InputError, match=r"vars\.yml: is encrypted .* no password was given"):
        load(folder, extra)


def test_a_file_that_a_lookup_reads_may_be_encrypted(tmp_path: Path, vaulted: VaultFiles) -> None:
    secrets = Secrets()
    text = f"x: \"{{{{ lookup('file', '{vaulted.folder}/key.txt') }}}}\""
    found = read(tmp_path, vaulted, secrets, hosts__yml=HOSTS, host_vars__h__yml=text)
    assert found["x"] == "first line of the key\nsecond line of the key"
    assert secrets.mask("the second line of the key") == f"the {MASK}"
    assert "h.yml:1: x: is encrypted with ansible-vault, and no" in fail(tmp_path, Keyring())


def test_a_script_may_print_encrypted_values(tmp_path: Path, vaulted: VaultFiles) -> None:
    value = {"__ansible_vault": vaulted.values["long"]}
    listing = {"web": {"hosts": ["h"]}, "_meta": {"hostvars": {"h": {"x": value}}}}
    (tmp_path / "list.json").write_text(json.dumps(listing))
    write_script(tmp_path / "run" / "list.sh", f"cat {tmp_path}/list.json")
    assert read(tmp_path / "run", vaulted)["x"] == VALUES["long"]


def test_ansible_inventory_gets_the_passwords(tmp_path: Path, vaulted: VaultFiles) -> None:
    (tmp_path / "z.yml").write_text(vaulted.read("plugin.yml"))
    variables = f"x: {vaulted.inline('long')}"
    folder = write(tmp_path, hosts__yml=HOSTS, host_vars__h__yml=variables)
    found = load(folder, keyring=vaulted.open_keyring(Secrets()))
    assert set(found.groups["everybody"]) == {"h", "w"}
    assert build_scopes(found)["h"]["x"] == VALUES["long"]


def test_no_error_quotes_the_encrypted_configuration_of_a_plugin(
    tmp_path: Path, vaulted: VaultFiles
) -> None:
    (tmp_path / "z.yml").write_text(vaulted.read("plugin-wrong.yml"))
    with pytest.raises(InputError) as error:
        read(tmp_path, vaulted, hosts__yml=HOSTS)
    (problem,) = list_problems(error, tmp_path)
    assert "ansible-inventory cannot read it; run it by hand to see why" in problem
    assert "s3cret" not in problem


def test_what_nobody_uses_needs_no_password(tmp_path: Path, vaulted: VaultFiles) -> None:
    files = {"hosts__yml": HOSTS, "host_vars__h__yml": f"x: {vaulted.inline('long')}y: 1"}
    files["group_vars__web__yml"] = vaulted.read("vars.yml")
    found = load(write(tmp_path, **files))
    assert build_scopes(found)["h"]["y"] == 1
    (warning,) = found.warnings
    assert warning.startswith(
        f"{tmp_path}/group_vars/web.yml: is encrypted with ansible-vault, and"
    )
    assert warning.endswith("; the file is ignored")


def test_a_file_that_may_hold_our_settings_needs_its_password(
    tmp_path: Path, vaulted: VaultFiles
) -> None:
    write(tmp_path, hosts__yml=HOSTS, group_vars__all__vault__yml=vaulted.read("vars.yml"))
    assert fail(tmp_path, Keyring()) == (
        "group_vars/all/vault.yml: is encrypted with ansible-vault, and no password was given; "
        "give --vault-id ID@FILE, --vault-password-file FILE or --ask-vault-pass"
    )


def test_a_value_without_a_password_is_an_error_at_its_line(
    tmp_path: Path, vaulted: VaultFiles
) -> None:
    write(tmp_path, hosts__yml=HOSTS, host_vars__h__yml=f"y: 1\nx: {vaulted.inline('prod')}")
    assert fail(tmp_path, Keyring(environment={})) == (
        "host_vars/h.yml:2: x is encrypted with ansible-vault (id prod), and no password was given; "
        "give --vault-id prod@FILE, --vault-password-file FILE or --ask-vault-pass"
    )


def test_a_wrong_password_is_an_error_that_names_the_ids(
    tmp_path: Path, vaulted: VaultFiles
) -> None:
    write(tmp_path, hosts__yml=HOSTS, host_vars__h__yml=f"x: {vaulted.inline('prod')}")
    assert fail(tmp_path, vaulted.open_keyring(Secrets(), f"dev@{vaulted.folder}/password")) == (
        "host_vars/h.yml:1: x is encrypted with ansible-vault, and no given password fits "
        "(ids tried: dev, default); its id is prod: give --vault-id prod@FILE"
    )
    given = Keyring(VaultOptions((f"prod@{vaulted.folder}/password",)))
    assert fail(tmp_path, given).endswith(
        "(ids tried: prod); check the passwords; if they are right, the text was changed"
    )


def change(text: str, line: int, new: Callable[[str], str]) -> str:
    lines = text.splitlines()
    lines[line] = new(lines[line])
    return "\n".join(filter(None, lines))


@pytest.mark.parametrize(
    ("line", "new", "expected"),
    [
        (
            0,
            lambda _: "$ANSIBLE_VAULT",
            "damaged: its first line must begin with $ANSIBLE_VAULT;1.1;",
        ),
        (0, lambda _: "s3cret-of-fw1", "damaged: its first line must begin with"),
        (0, lambda _: "$ANSIBLE_VAULT;1.0;AES", "in another format than 1.1 and 1.2 with AES256"),
        (1, lambda text: text[1:], "damaged: digits are missing or wrong"),
        (1, lambda text: "x" + text[1:], "damaged: digits are missing or wrong"),
        (1, lambda text: "ü" + text[1:], "damaged: digits are missing or wrong"),
        (3, lambda _: "", "damaged: digits are missing"),
        (5, lambda text: text[:-4], "damaged: digits are missing"),
        (5, lambda text: text[:-1] + "x", "damaged: digits are missing or wrong"),
        (5, lambda text: text[:-1] + "12"[text[-1] == "1"], "no given password fits"),
    ],
)
def test_a_damaged_value_is_an_error_that_says_so(
    tmp_path: Path, vaulted: VaultFiles, line: int, new: Callable[[str], str], expected: str
) -> None:
    text = change(vaulted.values["long"], line, new)
    write(tmp_path, hosts__yml=HOSTS, host_vars__h__yml=f"x: {as_inline(text)}")
    problem = fail(tmp_path, vaulted.open_keyring(Secrets()))
    assert problem.startswith("host_vars/h.yml:1: x is encrypted")
    assert expected in problem
    assert "s3cret" not in problem


def test_a_decrypted_file_that_is_wrong_is_an_error_without_its_content(
    tmp_path: Path, vaulted: VaultFiles
) -> None:
    write(tmp_path, hosts__yml=HOSTS, host_vars__h__yml=vaulted.read("wrong.yml"))
    problem = fail(tmp_path, vaulted.open_keyring(Secrets()))
    assert problem.startswith("host_vars/h.yml:2: is not YAML")


def test_errors_quote_nothing_that_was_encrypted(tmp_path: Path, vaulted: VaultFiles) -> None:
    write(
        tmp_path,
        hosts__yml=HOSTS,
        host_vars__h__yml="x: '{{ (y ~ \"(\") | int / 0 }}'\n"
        f"y: {vaulted.inline('long')}z: '{{{{ [1] | map(attribute=y) | first }}}}'",
    )
    for name in ("x", "z"):
        assert VALUES["long"] not in fail(tmp_path, vaulted.open_keyring(Secrets()), name)
