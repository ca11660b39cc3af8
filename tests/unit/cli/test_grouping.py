"""Which changes of a plan are printed together, and that none of them is lost."""

from __future__ import annotations

from provision.cli.report.grouping import group_changes
from provision.plan import Change


def heads(*changes: Change, fortios: bool = False) -> list[str]:
    return [
        f"{group.action} {group.head}"
        for group in group_changes(changes, "fortios" if fortios else "linux")
    ]


def created(path: str, kind: str = "file", role: str = "receiver", reason: str = "") -> Change:
    return Change(f"{kind}:{path}", "create", "+content", reason, role=role)


def test_new_files_are_counted_by_role_with_the_directories_that_they_lie_in() -> None:
    assert heads(
        created("/opt/x/a.py"),
        created("/etc/fail2ban/a.conf", role="detection"),
        created("/opt/x", kind="directory"),
        created("/etc/systemd/system/x.service"),
        created("/opt/x/sub/b.py"),
        created("/etc/fail2ban/b.conf", role="detection"),
    ) == [
        "create receiver: 2 files, 1 directory, 1 unit in /etc/systemd/system, /opt/x",
        "create detection: 2 files in /etc/fail2ban",
    ]


def test_the_content_of_new_and_deleted_files_is_cut_and_that_of_changed_ones_is_not() -> None:
    changes = [
        created("/etc/a"),
        Change("file:/etc/b", "delete", "-old", role="receiver"),
        Change("file:/etc/c", "update", "-old\n+new", role="receiver"),
    ]
    assert [(group.head, group.hidden) for group in group_changes(changes, "linux")] == [
        ("file:/etc/a", 1),
        ("file:/etc/b", 1),
        ("file:/etc/c", 0),
    ]


def test_a_file_that_no_role_names_has_a_line_of_its_own() -> None:
    """A ban host that was taken over may remember any path: none is hidden in a number."""
    forged = Change("file:/etc/shadow", "delete", "-root")
    known = [Change(f"file:/opt/{n}", "delete", "-x", role="receiver") for n in range(3)]
    assert heads(known[0], forged, *known[1:]) == [
        "delete receiver: 3 files in /opt",
        "delete file:/etc/shadow",
    ]


def test_changes_for_different_reasons_are_not_mixed() -> None:
    changes = (created("/etc/a"), created("/etc/b", reason="it was odd"), created("/etc/c"))
    found = group_changes(changes, "linux")
    assert [(each.head, each.why) for each in found] == [
        ("receiver: 2 files in /etc", ""),
        ("file:/etc/b", "it was odd"),
    ]


def test_packages_services_and_jails_are_named_in_one_line_for_each_action() -> None:
    assert heads(
        Change("package:a", "install"),
        Change("service:x", "enable"),
        Change("service:x", "start"),
        Change("package:b", "install"),
        Change("service:y", "start"),
        Change("jail:j", "start"),
    ) == [
        "install 2 packages: a, b",
        "enable service:x",
        "start 2 services: x, y",
        "start jail:j",
    ]


def test_a_jail_that_changes_has_its_own_line_and_diff() -> None:
    jails = [Change(f"jail:{n}", "update", "-ban_time 1\n+ban_time 2") for n in range(2)]
    assert heads(*jails) == ["update jail:0", "update jail:1"]


def test_neighbours_on_a_fortigate_share_a_head_and_stay_in_the_order_of_sending() -> None:
    changes = [
        Change("system automation-action:a", "create", "1"),
        Change("system automation-stitch:b", "create", "2"),
        Change("vpn ssl settings", "update", "3"),
        Change("system automation-stitch:c", "create", "4"),
        Change("firewall policy:9", "delete", "5", source="the ban host's memory"),
    ]
    found = group_changes(changes, "fortios")
    assert [group.head for group in found] == [
        "2 objects: system automation-action, system automation-stitch",
        "vpn ssl settings",
        "system automation-stitch:c",
        "firewall policy:9",
    ]
    assert [change.diff for group in found for change in group.changes] == list("12345")
    assert not any(group.cut for group in found)


def test_every_change_is_in_exactly_one_group() -> None:
    changes = [
        created("/a"),
        created("/b"),
        Change("package:p", "install"),
        Change("user:u", "create"),
        Change("file:/c", "update", "x"),
    ]
    for kind in ("linux", "fortios"):
        found = [change for group in group_changes(changes, kind) for change in group.changes]
        assert sorted(each.id for each in found) == sorted(each.id for each in changes)
