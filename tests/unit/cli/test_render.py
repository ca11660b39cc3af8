"""Check what `render` writes, and for which FortiOS version."""

from __future__ import annotations

from pathlib import Path

from tests.unit.cli.command_line import PASSWORD, Cli


def test_render_writes_every_file_and_block_below_its_folder(cli: Cli, tmp_path: Path) -> None:
    said = cli("render", str(tmp_path / "out"))
    assert said.code == 0
    *paths, assumed = said.out.splitlines()
    assert assumed == "the CLI of FortiGates is for FortiOS 8.0.0"
    written = {Path(line) for line in paths}
    assert written == {path for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert tmp_path / "out" / "fw1.conf" in written
    assert tmp_path / "out" / "bh1" / "etc/fail2ban/jail.d/banstitch.conf" in written
    assert PASSWORD not in "".join(path.read_text() for path in written)


def test_check_and_render_speak_the_language_of_the_version_that_is_named(
    cli: Cli, tmp_path: Path
) -> None:
    assert cli("check", "--fortios", "6.4.15").out.endswith("as FortiOS 6.4.15\n")
    cli("render", "--fortios", "7.2.0", str(tmp_path / "out"))
    assert "set headers" in (tmp_path / "out" / "fw1.conf").read_text()
    said = cli("check", "--fortios", "6.2.9")
    assert said.code == 3
    assert "older than 6.4" in said.err


def test_render_is_limited_like_any_verb(cli: Cli, tmp_path: Path) -> None:
    cli("render", "-l", "fw2", str(tmp_path / "out"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["fw2.conf"]


def test_render_writes_two_scripts_for_fortimanager_that_only_their_owner_can_read(
    cli: Cli, tmp_path: Path
) -> None:
    said = cli("render", "-l", "fw2", "--fortimanager", str(tmp_path / "out"))
    assert said.code == 0
    written = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in written] == ["fw2.deploy.txt", "fw2.remove.txt"]
    assert [path.stat().st_mode & 0o777 for path in written] == [0o600, 0o600]
    deploy, remove = (path.read_text() for path in written)
    assert 'set value "(secret webhook:fw2)"' in deploy
    assert "#" not in deploy + remove  # it is not documented that FortiManager ignores comments
    assert 'delete "banstitch_webhook"' in remove
    assert "see docs/fleet.md" in said.out


def test_render_again_keeps_scripts_and_overwrites_none_that_was_filled_in(
    cli: Cli, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    cli("render", "--fortimanager", str(out))
    assert cli("render", "--fortimanager", str(out)).code == 0
    (out / "fw1.deploy.txt").write_text("filled in")
    (out / "fw2.deploy.txt").unlink()
    said = cli("render", "--fortimanager", str(out))
    assert said.code == 3
    assert "fw1.deploy.txt must not exist with another content; move it away" in said.err
    assert (out / "fw1.deploy.txt").read_text() == "filled in"
    assert not (out / "fw2.deploy.txt").exists()


def test_render_writes_no_script_through_a_link(cli: Cli, tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    out.mkdir()
    (out / "fw1.remove.txt").symlink_to(other)
    assert cli("render", "--fortimanager", str(out)).code == 3
    assert not other.exists()


def test_render_without_any_directory_is_refused(cli: Cli) -> None:
    said = cli("render")
    assert said.code == 3
    assert "render needs DIRECTORY or --fortimanager DIR" in said.err


def test_render_where_nothing_can_be_written_says_so(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    said = cli("render", str(tmp_path / "out"))
    assert said.code == 3
    assert "choose another directory" in said.err


def test_render_says_what_has_to_be_moved_by_hand(cli: Cli, tmp_path: Path) -> None:
    extra = tmp_path / "policy.yml"
    extra.write_text(
        "enforcement: [policy]\nenforcement_policy_source_interfaces: [wan1]\n"
        "enforcement_policy_destination_interfaces: [any]\nenforcement_vdom: edge\n"
    )
    out = str(tmp_path / "out")
    said = cli("render", "-l", "fw1", "-e", f"@{extra}", out)
    assert said.out.endswith(
        "fw1.conf: pasting adds the firewall policy at the end; move it to the top by hand\n"
    )
    text = (tmp_path / "out" / "fw1.conf").read_text()
    assert text.startswith("config global\n")
    assert 'end\nconfig vdom\nedit "edge"\nconfig firewall policy\n' in text
