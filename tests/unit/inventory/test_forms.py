"""Forms of inventories from the field: each is accepted and is read as Ansible reads it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from provision.cli.main import main
from provision.inventory.loader import load
from tests.plays import load_plays
from tests.unit.inventory.ansible_core import AnsibleCore, list_groups, list_hosts

OURS = """
ban_hosts:
  hosts:
    bh1: {ansible_host: 192.0.2.1, ansible_user: ops}
fortigates:
  hosts:
    fw1: {ansible_host: 192.0.2.2, ban_host: bh1, ansible_password: not-a-secret}
"""
OURS_INI = """
[ban_hosts]
bh1 ansible_host=192.0.2.1 ansible_user=ops
[fortigates]
fw1 ansible_host=192.0.2.2 ban_host=bh1 ansible_password=not-a-secret
"""
SCRIPT = "#!/bin/sh\ncat <<'END'\n%s\nEND\n"
OURS_JSON = """{
  "ban_hosts": {"hosts": ["bh1"]},
  "fortigates": {"hosts": ["fw1"], "vars": {"ban_host": "bh1", "note": "{{ x }}"}},
  "_meta": {"hostvars": {
    "bh1": {"ansible_host": "192.0.2.1", "raw": {"__ansible_unsafe": "{{ x }}"}},
    "fw1": {"ansible_host": "192.0.2.2", "ansible_password": "not-a-secret"}
  }}
}"""
VAULT = "!vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      3138\n"

# Files of an inventory folder. Each has our two groups and something that Ansible takes.
FORMS: dict[str, dict[str, str]] = {
    "an anchor at the top level": {
        "hosts.yml": ".defaults: &d {x: 1}\n" + OURS + "web: {vars: {<<: *d, y: 2}, hosts: {w: }}\n"
    },
    "an unknown key in a group of others": {
        "hosts.yml": OURS + "web: {description: x, hosts: {w: }}"
    },
    "an unknown key with a mapping": {"hosts.yml": OURS + "web: {meta: {a: 1}, hosts: {w: }}"},
    "an address with a port": {"hosts.yml": OURS + "web: {hosts: {'[2001:db8::10]:2222': {x: 1}}}"},
    "an address without a port": {"hosts.yml": OURS + "web: {hosts: {'2001:db8::10': {x: 1}}}"},
    "a name with a port": {"hosts.yml": OURS + "web: {hosts: {'w:22': }}"},
    "a name with blanks": {"hosts.yml": OURS + "web: {hosts: {'core switch 1': {x: 1}}}"},
    "a name with a slash": {"hosts.yml": OURS + "web: {hosts: {'Po1/1': {x: 1}, 'a|b': }}"},
    "a group with blanks": {"hosts.yml": OURS + "'web servers': {hosts: {w: }}"},
    "a key twice in a group": {"hosts.yml": OURS + "web: {vars: {a: 1, a: 2}, hosts: {w: }}"},
    "a host twice in a group": {"hosts.yml": OURS + "web: {hosts: {w: {x: 1}, w: {x: 2}}}"},
    "a group twice": {"hosts.yml": OURS + "web: {hosts: {v: }}\nweb: {hosts: {w: }}"},
    "a key twice in group_vars": {
        "hosts.yml": OURS + "web: {hosts: {w: }}",
        "group_vars/web.yml": "a: 1\nb: {c: 1, c: 2}\na: 2\n",
    },
    "a key twice in host_vars": {
        "hosts.yml": OURS + "web: {hosts: {w: }}",
        "host_vars/w.yml": "a: 1\na: 2\n",
    },
    "groups without a body": {"hosts.yml": OURS + "web:\ndb: {hosts: , vars: , children: }\n"},
    "a group that is a list": {"hosts.yml": OURS + "web: [w]\n"},
    "a group that is a text": {"hosts.yml": OURS + "web: none yet\n"},
    "sections that are one name": {"hosts.yml": OURS + "top: {children: web}\nweb: {hosts: w}\n"},
    "no variables but an empty list": {"hosts.yml": OURS + "web: {hosts: {w: []}}\n"},
    "a group named like a host": {"hosts.yml": OURS + "w: {hosts: {w: {x: 1}}, vars: {y: 2}}\n"},
    "ranges": {"hosts.yml": OURS + "web: {hosts: {'w[01:03]': , 'x[a:c]y[1:2]': , 'z[:2]': }}\n"},
    "a range that is empty": {"hosts.yml": OURS + "web: {hosts: {v: , 'w[5:1]': }}\n"},
    "all of it below all": {"hosts.yml": "all:\n  children:\n" + textwrap.indent(OURS, "    ")},
    "our groups in groups of others": {
        "hosts.yml": OURS + "site1: {children: {ban_hosts: , fortigates: }, vars: {x: 1}}\n"
    },
    "hosts through children only": {
        "hosts.yml": "ban_hosts: {children: {b: {hosts: {bh1: }}}}\nfortigates: {children: {f: }}\n"
        "f: {hosts: {fw1: {ban_host: bh1, ansible_password: not-a-secret}}}\n"
    },
    "vaulted and unsafe values": {
        "hosts.yml": OURS
        + f"web:\n  vars:\n    v: {VAULT}    u: !unsafe '{{{{ x }}}}'\n  hosts: {{w: }}\n"
    },
    "an unsafe mapping": {
        "hosts.yml": OURS
        + "web: {vars: {u: !unsafe {a: '{{ x }}', b: 5}, n: !unsafe 5}, hosts: {w: }}"
    },
    "a byte order mark": {"hosts.yml": "\ufeff" + OURS},
    "the start and the end of a document": {"hosts.yml": "---\n" + OURS + "...\n"},
    "a JSON file": {
        "hosts.json": '{"web": {"hosts": {"w": {"x": "\\ud83d\\ude00"}}}}',
        "b.yml": OURS,
    },
    "a JSON file with tabs": {"hosts.json": '{\n\t"web": {"hosts": {"w": null}}\n}', "b.yml": OURS},
    "YAML without an ending": {"hosts": OURS},
    "INI without an ending": {"hosts": OURS_INI},
    "INI with another ending": {"inventory.prod": OURS_INI},
    "INI in a .yml file": {"hosts.yml": OURS_INI},
    "INI with values of all kinds": {
        "hosts.ini": "lone:2222 # first\n"
        + OURS_INI
        + "[web]\nw a=1 b='x y' c=\"[1, 2]\" d=None e=#\n"
        "[web:vars]\nf = [1, 'a']\ng = {'k': 1} ; h\ni={{ x }}\nj=a=b # c\nk=yes\nl=True\nm=\n"
    },
    "INI with groups declared later": {
        "hosts": "[top:children]\nweb\n[web:vars]\nx=1\n; note\n[web]\nw[1:2]\n" + OURS_INI
    },
    "INI with addresses": {
        "hosts": OURS_INI + "[web]\n[2001:db8::1]:22 x=1\n2001:db8::2\n192.0.2.[7:8]"
    },
    "a folder of several forms": {
        "10.yml": OURS,
        "20.ini": "[web]\nw x=1\n",
        "30": "web: {hosts: {w: {x: 2}}}",
        "deep/40.yml": "web: {vars: {y: 1}}",
        "README": "Ask the night shift first.",
        "old.cfg": "[web]\nno",
        "empty.yml": "",
    },
    "a script": {"x.sh": SCRIPT % OURS_JSON},
    "a script without _meta": {
        "x.sh": '#!/bin/sh\n[ "$1" = --host ] && echo \'{"ban_host": "bh1", "ansible_password": '
        '"not-a-secret"}\' || echo \'{"ban_hosts": ["bh1"], "fortigates": {"hosts": ["fw1"]}}\'\n'
    },
    "a script with a group that is a host": {
        "x.sh": SCRIPT % '{"w": {"x": "{{ y }}"}, "_meta": {"hostvars": {}}}',
        "b.yml": OURS,
    },
    "YAML that can be executed": {"hosts.sh": "---\n", "all.yml": OURS, "hosts": OURS},
    "a constructed inventory": {
        "10.yml": "web: {hosts: {bh1: {x: 1}}}",
        "20.yml": "fortigates: {hosts: {fw1: {ban_host: bh1, ansible_password: not-a-secret}}}",
        "30.yml": "plugin: ansible.builtin.constructed\ngroups: {ban_hosts: x is defined}\n",
    },
    "TOML": {
        "hosts.toml": "[ban_hosts.hosts]\nbh1 = { x = 1 }\n[ban_hosts.vars]\ny = '{{ x }}'\n"
        "[fortigates.hosts]\nfw1 = { ban_host = 'bh1', ansible_password = 'not-a-secret' }\n"
    },
    "priorities": {
        "hosts.yml": OURS + "a: {vars: {ansible_group_priority: 5, x: a}, hosts: {w: }}\n"
        "b: {vars: {x: b}, hosts: {w: }}\n",
        "group_vars/b.yml": "ansible_group_priority: 9\n",
    },
    "a file that is encrypted": {
        "hosts.yml": OURS,
        "group_vars/web.yml": "$ANSIBLE_VAULT;1.1;AES256\n31\n",
    },
    "the extension .yaml and a folder": {
        "hosts.yaml": OURS + "web: {hosts: {w: }}",
        "group_vars/web/b.yaml": "x: 1",
        "group_vars/web/a": "x: 2\ny: 1",
        "group_vars/web/.x.yml": "x: 3",
        "group_vars/all/deep/x.json": '{"z": 1}',
    },
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if path.suffix == ".sh":
            path.chmod(0o755)
    return folder


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_read_as_ansible_reads_it(
    ansible: AnsibleCore, tmp_path: Path, form: str
) -> None:
    folder = write(tmp_path, FORMS[form])
    expected = ansible.read_inventory([str(folder)])
    found = load(folder)
    assert list_hosts(found) == expected["hosts"]
    assert list_groups(found) == {name: set(names) for name, names in expected["groups"].items()}


@pytest.mark.parametrize("form", FORMS)
def test_check_accepts_a_form(
    tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path, FORMS[form])
    assert main(load_plays, ["check", "-i", str(folder)]) == 0, capsys.readouterr().err
    assert "not-a-secret" not in "".join(capsys.readouterr())
