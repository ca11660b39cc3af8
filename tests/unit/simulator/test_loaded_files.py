"""Configuration files that the simulator loads."""

import pytest

from tests.simulator import Options, Simulator

LOADED = """\
#config-version=X
config system global
    set hostname "OTHER"
    set strange-setting 12
end
config system replacemsg mail "email-block"
    set buffer "line one
line \\"two\\""
end
config log something
    edit 7
        set a "x y" z
        config deeper
            edit "k"
                set v 1
            next
        end
    next
end
config firewall address
    edit "all"
        set uuid 11111111-2222-51ef-0000-000000000002
    next
end
config empty table
end
"""


def test_a_loaded_file_is_shown_back_as_it_was_with_tables_beyond_the_schema() -> None:
    fortigate = Simulator(Options(config=LOADED))
    assert fortigate.show() == LOADED.partition("\n")[2]
    assert fortigate.run("").endswith("OTHER # ")


def test_a_long_loaded_file_comes_back_the_same() -> None:
    rows = "".join(
        f'    edit "host-{n}"\n        set comment "it\\\'s \\"{n}\\""\n'
        f"        set subnet 10.0.{n // 250}.{n % 250} 255.255.255.255\n    next\n"
        for n in range(1000)
    )
    text = f"config system unknown-thing\n{rows}end\nconfig firewall address\n{rows}end\n"
    assert Simulator(Options(config=text)).show() == text


def test_a_file_with_an_open_quote_is_refused_with_its_line() -> None:
    with pytest.raises(ValueError, match="line 2"):
        Simulator(Options(config='config system global\n    set hostname "x\nend\n'))


def test_show_of_a_fortigate_with_vdoms_loads_again_to_the_same() -> None:
    fortigate = Simulator(Options(vdoms=("Branch",), enc_stable=True))
    again = Simulator(Options(config=fortigate.show(), enc_stable=True))
    assert again.config.vdoms == ("root", "Branch")
    assert again.show() == fortigate.show()


def test_another_fortigate_takes_over_a_backup_and_each_keeps_its_own_copy() -> None:
    first = Simulator(Options(enc_stable=True))
    first.run("config firewall address\nedit net\nset comment first\nend\n")
    backup, shown = first.back_up(), first.show()
    first.run("config firewall address\nedit net\nset comment later\nend\n")
    second, third = Simulator(Options(enc_stable=True)), Simulator(Options(enc_stable=True))
    second.restore(backup)
    assert second.show() == shown
    assert not second.unsaved
    second.run("config firewall address\ndelete net\nend\n")
    third.restore(backup)
    assert third.show() == shown
