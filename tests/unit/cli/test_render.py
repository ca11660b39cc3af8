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
