"""The cost of a request for a host: the modules that it imports, and the programs that a look starts."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from provision.linux.agent import entry
from provision.linux.agent.protocol.observe import Observe, ServiceQuestion
from provision.linux.agent.protocol.wire import to_json
from provision.linux.session.agent_code import build_zip
from tests import PROJECT

# They take longer to import than our own modules.
LARGE = (
    "asyncio",
    "configparser",
    "email",
    "http",
    "random",
    "shutil",
    "sqlite3",
    "tempfile",
    "traceback",
    "urllib",
)
# Imports what a request needs, from the zip as on a host, and prints the names of what was imported.
IMPORT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from provision.linux.agent import entry
entry.find_function(sys.argv[2])
print(json.dumps(sorted(sys.modules)))
"""
# The same for several requests, one after the other; prints the names that each has added.
IMPORT_ALL = """
import json, sys
sys.path.insert(0, sys.argv[1])
from provision.linux.agent import entry
added, known = {}, set()
for do in sys.argv[2:]:
    entry.find_function(do)
    added[do], known = sorted(set(sys.modules) - known), set(sys.modules)
print(json.dumps(added))
"""
# Looks at this machine, as on a host, and prints each program that was started.
LOOK = """
import json, sys
sys.path.insert(0, sys.argv[1])
from provision.linux.agent import observe
from provision.linux.agent.protocol.observe import Observe
from provision.linux.agent.protocol.wire import from_json
started = []
sys.addaudithook(lambda event, about: event == "subprocess.Popen" and started.append(about[1]))
observe.observe_host(from_json(Observe, json.loads(sys.argv[2])))
print(json.dumps(started))
"""
# Imports what a look needs, and prints each module of ours with the ending of the file that it came from.
FOUND = """
import json, sys
sys.path.insert(0, sys.argv[1])
from provision.linux.agent import entry
entry.find_function("observe")
files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
ours = {name: file for name, file in files.items() if file.startswith(sys.argv[1])}
print(json.dumps({name: file.rpartition(".")[2] for name, file in ours.items()}))
"""


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the agent's zip."""
    path = tmp_path_factory.mktemp("agent") / "agent.zip"
    path.write_bytes(build_zip())
    return path


def run(code: Path, program: str, *arguments: str) -> Any:
    """Return what a program prints that runs as the agent does."""
    argv = [sys.executable, "-IS", "-c", program, str(code), *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_a_look_imports_only_what_looks(code: Path) -> None:
    found = run(code, IMPORT, "observe")
    prefix = "provision.linux.agent."
    assert {name.removeprefix(prefix) for name in found if name.startswith(prefix)} == {
        *("digest", "entry", "fail2ban", "foreign", "host", "http_client", "ini", "memory"),
        *("observe", "packages", "paths", "pem", "processes", "shield_state", "spool"),
        *("sshd_jail", "tokens_file", "units", "x509"),
        *("protocol", "protocol.bounds", "protocol.ids", "protocol.observe", "protocol.state"),
        "protocol.wire",
    }
    assert [name for name in LARGE if name in found] == []


def test_a_look_compiles_nothing_and_only_its_modules_are_sent_compiled(code: Path) -> None:
    found = run(code, FOUND)
    compiled = {name for name, ending in found.items() if ending == "pyc"}
    assert found.keys() - compiled == {"provision", "provision.linux"}  # which are empty
    in_zip = {
        name.removesuffix(".pyc").removesuffix("/__init__").replace("/", ".")
        for name in zipfile.ZipFile(code).namelist()
        if name.endswith(".pyc")
    }
    assert in_zip == compiled


def test_a_python_of_another_version_compiles_the_sources(code: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(code) as sent, zipfile.ZipFile(other, "w") as received:
        for name in sent.namelist():
            content = sent.read(name)
            received.writestr(name, b"other" + content[5:] if name.endswith(".pyc") else content)
    assert set(run(other, FOUND).values()) == {"py"}


def test_bytecode_does_not_say_where_the_project_is_here(code: Path) -> None:
    with zipfile.ZipFile(code) as archive:
        compiled = [archive.read(name) for name in archive.namelist() if name.endswith(".pyc")]
    assert all(str(PROJECT).encode() not in each for each in compiled)


def test_no_other_request_imports_what_changes_a_host(code: Path) -> None:
    unwanted = {"provision.linux.agent.apply", "provision.linux.agent.kinds"}
    unwanted |= {"http.client", "email", "configparser"}
    found = run(code, IMPORT_ALL, *sorted(entry.DO.keys() - {"apply", "observe"}))
    loaded = {do: sorted(unwanted & set(names)) for do, names in found.items()}
    assert {do: names for do, names in loaded.items() if names} == {}


def test_a_look_starts_no_program_but_systemctl(code: Path, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    new = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x"
    argv = [*new.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(argv, check=True, capture_output=True)
    both = tmp_path / "both.pem"
    both.write_text(key.read_text() + certificate.read_text())
    request = Observe(
        paths=["/etc/hosts"],
        packages=["fail2ban", "openssl"],
        users=["root"],
        services=[ServiceQuestion("banstitch-x.service", "", "", "")],
        sealed={str(both): str(certificate)},
        jails=["banstitch-x", "banstitch-y"],
    )
    (started,) = run(code, LOOK, json.dumps(to_json(request)))
    assert started[0] == "systemctl"
