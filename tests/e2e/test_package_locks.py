"""A host on which another package manager is at work: waited for, named, and given up in the end."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from provision.linux.agent.packages import LOCKS
from provision.linux.agent.protocol.observe import Observe
from provision.linux.agent.protocol.requests import Apply
from provision.linux.agent.protocol.steps import Install
from provision.linux.agent.protocol.wire import dump
from provision.linux.session import bootstrap
from provision.linux.session.agent_code import build_zip
from tests.e2e.labsite import LabSite
from tests.e2e.slow_mirror import SlowMirror
from tests.lab.nspawn import wait_until

pytestmark = pytest.mark.lab

ARCHIVES = "/var/cache/apt/archives/lock"
# as apt takes a lock; a bare Debian has perl, but no python3
HOLD = r"""
use Fcntl qw(F_SETLK F_WRLCK);
for my $path (@ARGV) {
  open(my $file, "+>>", $path) or die;
  my $lock = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
  fcntl($file, F_SETLK, $lock) or die "$!";
  push @held, $file;
}
$| = 1; print "held\n"; sleep 600;
"""
MEMORY = "/var/lib/banstitch"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, bare_root: Path) -> Iterator[LabSite]:
    """A Debian that was just installed, without python3; each test leaves it so."""
    with LabSite(tmp_path_factory.mktemp("bare") / "inventory", bare_root) as site:
        yield site


@pytest.fixture
def fresh(tmp_path: Path, bare_root: Path) -> Iterator[LabSite]:
    """Such a Debian for one test alone."""
    with LabSite(tmp_path / "inventory", bare_root) as site:
        yield site


@contextmanager
def without_lists(site: LabSite) -> Iterator[None]:
    """Have apt know no packages, and then again those that it knew."""
    site.host.console("mv /var/lib/apt/lists /root/lists && mkdir /var/lib/apt/lists", check=True)
    try:
        yield
    finally:
        site.host.console(
            "rm -r /var/lib/apt/lists && mv /root/lists /var/lib/apt/lists", check=True
        )


@contextmanager
def held(site: LabSite, *locks: str) -> Iterator[None]:
    """Hold ``locks`` on the host by a process called perl."""
    argv = [*site.host.ssh_argv(), shlex.join(["perl", "-e", HOLD, *locks])]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            site.host.console("pkill -x perl")


def is_running(site: LabSite, pattern: str) -> bool:
    """Whether a program runs on the host whose command line matches."""
    return site.host.console(["pgrep", "-f", pattern]).returncode == 0


def install(names: list[str], patience: float) -> str:
    """A program that has the agent install packages and wait so many seconds for a lock."""
    request = dump(Apply("apply", (Install(tuple(names)),), Observe(), seen=""))
    zipped = base64.b64encode(build_zip()).decode()
    return (
        "import base64, json, sys\n"
        f"open('/run/agent.zip', 'wb').write(base64.b64decode('{zipped}'))\n"
        "sys.path.insert(0, '/run/agent.zip')\n"
        "from provision.linux.agent import apt, entry, observe\n"
        f"apt.PATIENCE = {patience}\n"
        "from provision.linux.agent.protocol.observe import Observe\n"
        f"request = json.loads({request!r})\n"
        "request['seen'] = observe.observe_host(Observe()).digest\n"
        "entry.main(json.dumps(request).encode(), 'a-mark')\n"
    )


@pytest.mark.parametrize("lock", LOCKS)
def test_python3_is_not_installed_while_a_lock_is_never_released(bare: LabSite, lock: str) -> None:
    with ExitStack() as stack:
        if "lists" in lock:  # taken only where there are none
            stack.enter_context(without_lists(bare))
        stack.enter_context(held(bare, lock))
        done = bare.host.run(["sh", "-c", bootstrap.build_script(patience=4)])
    assert done.returncode == 1
    assert f"Could not get lock {lock}. It is held by process" in done.stdout
    assert "(perl)" in done.stdout
    assert "waited 4 s for it" in done.stdout
    assert bare.host.console(["ls", MEMORY]).returncode != 0


def test_a_host_without_a_mirror_reports_the_reason_and_is_not_changed(bare: LabSite) -> None:
    proxy = 'Acquire::http::Proxy "http://somebody:Secret-1@127.0.0.1:9";'
    with without_lists(bare):
        bare.host.write("/etc/apt/apt.conf.d/99proxy", proxy)
        try:
            before = bare.list_files()
            failed = bare.run("apply", "-y", "--json")
            after = bare.list_files()
        finally:
            bare.host.console("rm /etc/apt/apt.conf.d/99proxy", check=True)

    assert failed.code == 1
    error = failed.target("bh1")["error"]
    assert "Could not connect to 127.0.0.1:9" in error
    assert "Unable to locate package python3" in error
    assert "Secret-1" not in failed.out + failed.err
    assert after == before


def test_a_fresh_host_whose_apt_daily_runs_is_deployed_without_help_and_torn_down_to_what_it_was(
    fresh: LabSite,
) -> None:
    """One `apt-get update` hangs at a mirror while python3 is installed; dpkg is busy after that."""
    before = fresh.list_files()
    planned = fresh.run("plan", "--json")
    assert planned.changes("bh1")[0] == ("install", "package:python3")
    fresh.host.console("rm -r /var/lib/apt/lists", check=True)
    with ExitStack() as stack:
        mirror = stack.enter_context(SlowMirror())
        fresh.host.write("/run/slow.list", mirror.source)
        daily = "systemd-run --unit first-boot apt-get update -o Acquire::Retries=0"
        only = "-o Dir::Etc::SourceParts=- -o Dir::Etc::SourceList=/run/slow.list"
        fresh.host.console(f"{daily} {only}", check=True)
        assert mirror.asked.wait(60)
        apply = stack.enter_context(
            subprocess.Popen(
                fresh.argv("apply", "-y", "--json"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        assert wait_until(lambda: is_running(fresh, "^sleep 2"), 120)
        dpkg = stack.enter_context(ExitStack())
        dpkg.enter_context(held(fresh, "/var/lib/dpkg/lock-frontend"))
        mirror.release()
        # the first attempt has met the lock of dpkg once the next one is made
        assert wait_until(lambda: not is_running(fresh, "slow.list"), 120)
        assert wait_until(lambda: is_running(fresh, "^sleep 2"), 120)
        dpkg.close()
        out, _ = apply.communicate(timeout=600)
    assert apply.returncode == 0, out
    notes = json.loads(out)["sites"][0]["targets"][0]["notes"]
    assert any(
        "waited" in note and "/var/lib/apt/lists/lock. It is held by" in note for note in notes
    )
    assert fresh.run("verify").code == 0

    # python3 goes as well
    assert fresh.run("teardown", "-y", "--purge-data").code == 0
    assert fresh.list_files() == before
    assert not list(fresh.host.filesystem.glob("var/log/banstitch*"))
    assert not list(fresh.host.filesystem.glob("var/spool/banstitch*"))


def test_packages_are_not_installed_while_a_lock_is_never_released(linux_site: LabSite) -> None:
    before = linux_site.list_files()
    with held(linux_site, "/var/lib/dpkg/lock-frontend"):
        done = linux_site.host.run(["python3", "-"], stdin=install(["cowsay"], 3))
    assert "/var/lib/dpkg/lock-frontend is held by perl (process " in done.stdout
    assert "waited 3 s for it" in done.stdout
    assert "everything is as it was before the run" in done.stdout
    assert linux_site.list_files() == before


def test_plan_reports_the_program_that_holds_the_lock_of_apt(linux_site: LabSite) -> None:
    linux_site.host.console("apt-get purge -y -q gunicorn", check=True)
    with held(linux_site, ARCHIVES):
        plan = linux_site.run("plan", "--json")
        assert plan.code == 2
        (note,) = [each for each in plan.target("bh1")["notes"] if ARCHIVES in each]
        assert "is held by perl (process" in note
        assert "apply waits" in note
