"""Check which Python runs the agent, and what happens where there is none."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from provision.errors import Failed
from provision.linux.session import bootstrap
from provision.linux.session.session import NoPython
from tests.unit.linux.agent_login import ask, check_agent_answers
from tests.unit.ssh.shell_server import ShellServer

# An apt-get that writes to its hook, and installs nothing.
APT = """\
#!/bin/sh
for word; do
    case $word in -oDPkg::Pre-Install-Pkgs::=*) echo {lines} | sh -c "${{word#*::=}}";; esac
done
"""


def test_nothing_of_the_login_takes_part_in_what_runs_as_root(server: ShellServer) -> None:
    trap = f"open({str(server.home / 'sprung')!r}, 'w')\n"
    for module in ("json", "pickle", "os", "sitecustomize", "usercustomize", "provision"):
        (server.home / f"{module}.py").write_text(trap)
    server.program("python3", f"#!/bin/sh\ntouch {server.home / 'sprung'}\n")
    server.environment = {
        "PYTHONPATH": str(server.home),
        "PYTHONHOME": "/nonexistent",
        "PYTHONSTARTUP": str(server.home / "json.py"),
        "ENV": str(server.home / "json.py"),
    }
    check_agent_answers(server)
    assert not (server.home / "sprung").exists()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("exit 1", r"python does not run \(exit 1\)"),
        ("echo first; echo No module named encodings >&2; exit 1", "No module named encodings"),
        ("echo $4:old:3.7; exit 41", "is Python 3.7; the agent needs 3.9"),
        ("exit 42", "standard library"),
        ("exit 126", "must not be run"),
    ],
)
def test_a_python_that_cannot_run_the_agent_is_named(
    server: ShellServer, text: str, what: str
) -> None:
    python = server.program("python", f"#!/bin/sh\n{text}\n")
    with pytest.raises(Failed, match=what) as error:
        ask(server, python=str(python))
    assert not isinstance(error.value, NoPython)
    assert "ansible_python_interpreter" in str(error.value)


def test_a_python_that_is_not_there_is_named(server: ShellServer) -> None:
    with pytest.raises(Failed, match="there is no /opt/none, which ansible_python_interpreter"):
        ask(server, python="/opt/none")


@pytest.mark.parametrize("python", ["/usr/bin/env python3", "/usr/bin/python3 -u", "python3"])
def test_a_python_may_have_arguments(server: ShellServer, python: str) -> None:
    check_agent_answers(server, python=python)


def test_a_failed_installation_forgets_nothing_but_its_own_record(tmp_path: Path) -> None:
    programs, memory = tmp_path / "bin", tmp_path / "var/lib/banstitch"
    for folder in (programs, memory, tmp_path / "run/systemd/system"):
        folder.mkdir(parents=True)
    (memory / "manifest.json").write_text("{}")
    (programs / "apt-get").write_text("#!/bin/sh\necho E: Unable to locate package\nexit 100\n")
    (programs / "apt-get").chmod(0o755)
    script = bootstrap.build_script(root=str(tmp_path))
    environment = {"PATH": f"{programs}:/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "E: Unable to locate package" in done.stdout
    assert [path.name for path in memory.iterdir()] == ["manifest.json"]


def test_a_second_try_to_install_python_forgets_nothing_of_the_first(tmp_path: Path) -> None:
    """The first was cut off half-way: apt then names fewer packages as new."""
    programs, memory = tmp_path / "bin", tmp_path / "var/lib/banstitch"
    programs.mkdir()
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    memory.parent.mkdir(parents=True)
    apt = programs / "apt-get"
    for brings in (["libpython3", "python3"], []):
        lines = "\n".join(f"{name} - - none < 3.11 all same /{name}.deb" for name in brings)
        apt.write_text(APT.format(lines=shlex.quote(lines)))
        apt.chmod(0o755)
        script = bootstrap.build_script(root=str(tmp_path))
        environment = {"PATH": f"{programs}:/usr/bin:/bin"}
        subprocess.run(["sh", "-c", script], env=environment, check=True, capture_output=True)
    assert (memory / "bootstrap").read_text().split() == ["libpython3", "python3"]


def test_another_system_without_python_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    name = re.findall(r'^PRETTY_NAME="?([^"\n]+)', Path("/etc/os-release").read_text(), re.M)[0]
    script = bootstrap.build_script(root=str(tmp_path))
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"this host ({name}) does not run both systemd and apt" in done.stdout
    assert list(tmp_path.iterdir()) == []
