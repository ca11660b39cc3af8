"""A teardown removes what is ours from a real host, and nothing that somebody else put beside it."""

from __future__ import annotations

import pytest

from tests.e2e.labsite import LabSite

pytestmark = pytest.mark.lab

LOGS, SPOOL, STATE = "/var/log/banstitch", "/var/spool/banstitch", "/var/lib/banstitch"
# Put there by an operator, and by somebody who became the receiver's user.
THEIRS = {
    f"{LOGS}/notes.txt",
    f"{LOGS}/audit.log.7",  # a link to a file of root
    f"{LOGS}/old",  # a folder with files of our names
    f"{SPOOL}/theirs",
    f"{STATE}/theirs",
    "/etc/banstitch/local.conf",
}
PUT = f"""\
set -e
echo mine >/root/mine
mkdir {LOGS}/old
echo mine >{LOGS}/old/events.log
ln -s /root/mine {LOGS}/audit.log.7
chown -h banstitch:banstitch {LOGS}/audit.log.7
for path in {LOGS}/notes.txt {SPOOL}/theirs {STATE}/theirs /etc/banstitch/local.conf; do
    echo mine >$path
done
echo old >{LOGS}/events.log.1
chown banstitch:banstitch {LOGS}/events.log.1
"""


@pytest.fixture
def site(deployed: LabSite) -> LabSite:
    deployed.host.console(PUT, check=True)
    return deployed


def owner(site: LabSite, path: str) -> str:
    return site.host.console(["stat", "-c", "%U", path], check=True).stdout.strip()


def left(site: LabSite) -> set[str]:
    """Every path in our directories, but for what is in a folder of theirs."""
    found = site.host.console(
        f"find /etc/banstitch {LOGS} {SPOOL} {STATE} -mindepth 1"
    ).stdout.split()
    return {path for path in found if not path.startswith(f"{LOGS}/old/")}


def test_teardown_lists_and_keeps_files_that_are_not_ours(site: LabSite) -> None:
    torn = site.run("teardown", "-y", "--purge-data")

    assert torn.code == 0, torn.out + torn.err
    said = [" ".join(line.split()) for line in torn.out.splitlines()]
    stays = "because it holds foreign files:"
    assert f"empty directory:{LOGS} (it stays, {stays} audit.log.7, notes.txt, old)" in said
    assert f"empty directory:{SPOOL} (it stays, {stays} theirs)" in said
    assert f"empty directory:/etc/banstitch (it stays, {stays} local.conf)" in said
    assert f"note: {STATE} stays, {stays} theirs" in said
    assert left(site) == THEIRS
    assert site.host.read("/root/mine") == "mine\n"
    assert site.host.read(f"{LOGS}/old/events.log") == "mine\n"
    # the user is gone, so nothing may wait for the next one of its number
    assert {owner(site, path) for path in [*THEIRS, LOGS, "/root/mine"]} == {"root"}
    groups = site.host.console(f"stat -c %G {LOGS} {SPOOL} /etc/banstitch", check=True).stdout
    assert set(groups.split()) == {"root"}
    again = site.run("teardown", "-y", "--purge-data", "--json")
    assert (again.code, again.changes("bh1")) == (0, [])


def test_the_next_apply_adopts_kept_logs_for_the_receiver(site: LabSite) -> None:
    assert site.run("teardown", "-y").code == 0
    assert owner(site, f"{LOGS}/events.log.1") == "root"

    # the folder in /etc stayed because of what is in it
    assert site.run("apply", "-y", "--adopt").code == 0

    # root owns all logs; the receiver's group is what lets it use them
    found = site.host.console(["stat", "-c", "%U:%G", f"{LOGS}/events.log.1"], check=True).stdout
    assert found.strip() == "root:banstitch"
    assert {owner(site, path) for path in [*THEIRS, "/root/mine"]} == {"root"}
    assert site.run("plan").code == 0
