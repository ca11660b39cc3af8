"""The simulator sends the bytes that captures of real FortiGates show."""

from tests.simulator import Options, Simulator


def fortigate(**options: object) -> Simulator:
    """A FortiGate that is not listening: its console is enough."""
    return Simulator(Options(hostname="HOST", **options))  # type: ignore[arg-type]


def test_a_command_is_echoed_and_followed_by_an_empty_line_and_the_prompt() -> None:
    console = fortigate(vdoms=("Branch",)).console()
    assert console.printed == b"HOST # "
    assert console.type(b"config global\n") == b"config global\r\r\n\r\nHOST (global) # "
    assert console.type(b"end\n") == b"end\r\r\n\r\nHOST # "


def test_output_lines_end_with_cr_lf() -> None:
    console = fortigate().console()
    assert console.type(b"get system console | grep output\n") == (
        b"get system console | grep output\r\r\noutput              : more \r\n\r\nHOST # "
    )


def test_the_prompt_shows_the_last_word_of_the_path_and_then_the_key() -> None:
    console = fortigate().console()
    assert console.type(b"config system automation-action\n").endswith(
        b"HOST (automation-action) # "
    )
    assert console.type(b"edit Send_VPN\n") == (
        b"edit Send_VPN\r\r\nnew entry 'Send_VPN' added\r\n\r\nHOST (Send_VPN) # "
    )
    assert console.type(b"config http-headers\n").endswith(b"HOST (http-headers) # ")


def test_the_pager_eats_the_next_byte_and_wipes_its_own_text() -> None:
    console = fortigate(console="more").console(rows=4)
    shown = console.type(b"show system console | grep -v zzz\n")
    assert shown.endswith(b"end\r\n\r\nHOST # ")
    assert b"--More--" not in shown
    shown = console.type(b"show system global\n")
    assert shown.endswith(b'config system global\r\n    set hostname "HOST"\r\n--More-- ')
    assert console.type(b" ") == b"\r         \rend\r\n\r\nHOST # "


def test_the_first_byte_of_a_line_typed_ahead_is_lost_in_the_pager() -> None:
    console = fortigate(console="more").console(rows=4)
    shown = console.type(b"show system global\nend\n")
    assert shown.endswith(b"\r         \rend\r\n\r\nHOST # nd\r\r\nUnknown action 0\r\n\r\nHOST # ")


def test_standard_output_never_pages() -> None:
    assert b"--More--" not in fortigate(console="standard").console(rows=4).type(
        b"get system status\n"
    )


def test_the_help_key_is_not_part_of_the_value_even_inside_quotes() -> None:
    console = fortigate().console()
    shown = console.type(b'config firewall address\nedit "*.xe?\n')
    assert b"token line: Unmatched double quote." in shown
    console = fortigate().console()
    assert b"new entry '*.xe?' added" in console.type(
        b'config firewall address\nedit "*.xe\x16?"\n'
    )


def test_ctrl_v_is_not_echoed_but_the_question_mark_is() -> None:
    console = fortigate().console()
    assert console.type(b'"a\x16?"') == b'"a?"'


def test_a_backslash_at_the_end_continues_the_line() -> None:
    console = fortigate().console()
    assert console.type(b"get system \\\nconsole | grep login\n") == (
        b"get system \\\r\r\n> console | grep login\r\r\n"
        b"login               : enable \r\n\r\nHOST # "
    )


def test_an_open_quote_keeps_a_real_newline() -> None:
    simulator = fortigate()
    console = simulator.console()
    console.type(b"config firewall address\nedit a\n")
    assert console.type(b'set comment "one\n') == b'set comment "one\r\r\n> '
    console.type(b'two"\nend\n')
    assert '        set comment "one\ntwo"\n' in simulator.show()
    assert b'set comment "one\r\ntwo"\r\n' in simulator.console().type(b"show firewall address a\n")


def test_a_disclaimer_is_accepted_with_one_key() -> None:
    console = fortigate().console(disclaimer="Authorised # use only")
    assert console.printed == b"Authorised # use only\r\n(Press 'a' to accept):\r\n"
    assert console.type(b"x") == b""
    assert console.type(b"a").endswith(b"\r\nHOST # ")


def test_ctrl_c_leaves_without_saving_and_closes_the_session_at_the_top() -> None:
    simulator = fortigate(enc_stable=True)
    before = simulator.show()
    console = simulator.console()
    console.type(b"config firewall address\nedit lost\n\x03")
    assert simulator.show() == before
    assert not console.closed
    console.type(b"\x03")
    assert console.closed


def test_ctrl_d_does_nothing_to_the_session() -> None:
    console = fortigate().console()
    console.type(b"\x04")
    assert not console.closed


def test_backspace_and_tab_edit_the_line() -> None:
    console = fortigate().console()
    shown = console.type(b"get sys\tconx\x7fsole | grep login\n")
    assert b"login               : enable" in shown


def test_a_purge_asks_and_takes_one_key() -> None:
    simulator = fortigate()
    console = simulator.console()
    console.type(b"config firewall policy\n")
    assert console.type(b"purge\n").endswith(b"Do you want to continue? (y/n)")
    assert console.type(b"\n").startswith(b"^J")
    assert "LAN to Internet" in simulator.show()
    console.type(b"purge\ny")
    assert "LAN to Internet" not in simulator.show()


def test_exit_closes_the_session() -> None:
    console = fortigate().console()
    assert console.type(b"exit\n") == b"exit\r\r\n"
    assert console.closed


def test_a_cluster_member_shows_its_role_in_the_prompt() -> None:
    assert fortigate(ha_role="Primary").console().printed == b"HOST (Primary) # "


def test_a_restricted_administrator_has_a_dollar_prompt_and_may_not_change_anything() -> None:
    console = fortigate(profile="prof_admin").console()
    assert console.printed == b"HOST $ "
    assert b"Command fail. Return code -37" in console.type(b"config system global\n")


def test_a_parse_error_stands_below_an_empty_line() -> None:
    console = fortigate(vdoms=("Branch",)).console()
    console.type(b"config global\n")
    assert console.type(b"diagnose hardware deviceinfo psu\n") == (
        b"diagnose hardware deviceinfo psu\r\r\n"
        b"\r\n"
        b"command parse error before 'psu'\r\n"
        b"Command fail. Return code -61\r\n"
        b"\r\n"
        b"HOST (global) # "
    )


def test_a_terminal_of_24_lines_shows_22_and_then_the_pager() -> None:
    shown = fortigate(console="more").console(rows=24).type(b"get system status\n")
    assert shown.endswith(b"\r\n--More-- ")
    assert shown.count(b"\r\n") == 1 + 22


def test_a_profile_can_be_kept_from_some_tables_only() -> None:
    simulator = fortigate(profile="auditor", forbidden=("vpn", "firewall"))
    console = simulator.console()
    assert b"Return code -37" in console.type(b"config vpn ssl settings\n")
    assert b"(automation-action) $ " in console.type(b"config system automation-action\n")
    assert "Return code" not in simulator.run("config vpn ssl settings\nset port 444\nend")


def test_a_prompt_can_hold_a_cut_name_and_a_role_without_a_blank() -> None:
    simulator = fortigate(prompt_name="FGT-LO~1", ha_role="Secondary", ha_prompt="({role})")
    assert simulator.console().printed == b"FGT-LO~1(Secondary) # "


def test_changes_are_unsaved_until_cfg_save_where_saving_is_manual() -> None:
    simulator = fortigate()
    simulator.run("config firewall address\nedit a\nend")
    assert not simulator.unsaved
    simulator.run("config system global\nset cfg-save manual\nend")
    assert simulator.unsaved
    simulator.run("execute cfg save")
    assert not simulator.unsaved
