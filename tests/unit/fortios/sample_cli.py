"""Sample CLI: objects that a site may desire, and objects that its operator may have had before."""

from __future__ import annotations

from provision.fortios.config.desired import CliBlock, read_blocks

KEY = b"k" * 32
TRIGGER = """config system automation-trigger
    edit "banstitch_login"
        set description "Managed by Banstitch: failed logins"
        set event-type event-log
        set logid 39426
    next
end
"""
ACTION = """config system automation-action
    edit "banstitch_webhook"
        set description "Managed by Banstitch"
        set action-type webhook
        set uri "10.0.0.5/log"
        set http-body "%%log%%"
        set port 5514
        config http-headers
            edit 1
                set key "X-Token"
                set value "s3cret-token"
            next
        end
    next
end
"""
STITCH = """config system automation-stitch
    edit "banstitch_login"
        set description "Managed by Banstitch: failed logins"
        set trigger "banstitch_login"
        config actions
            edit 1
                set action "banstitch_webhook"
                set required enable
            next
        end
    next
end
"""
FEED = """config system external-resource
    edit "banstitch_feed"
        set type address
        set username "fgt"
        set password "feed-pass"
        set comments "Managed by Banstitch"
        set resource "http://10.0.0.5/feed"
        set refresh-rate 1
    next
end
"""
SSL = """config vpn ssl settings
    set source-address "banstitch_feed"
    set source-address-negate enable
end
"""
ALL = (FEED, ACTION, TRIGGER, STITCH, SSL)
WANT = read_blocks([CliBlock(f"b{n}.j2", text) for n, text in enumerate(ALL)])

# What stands on a unit before us.
SSL_ON = "config vpn ssl settings\nset source-interface port1\nset source-address all\nend\n"
OPERATORS = 'config system automation-stitch\n edit "theirs"\n set trigger "x"\n next\nend\n'
SSL_ALL = "config vpn ssl settings\n set source-address all\n set port 10443\nend\n"
SSL_DENY = (
    'config vpn ssl settings\n set source-address "bad guys"\n'
    " set source-address-negate enable\nend\n"
)
SSL_ALLOW = 'config vpn ssl settings\n set source-address "office" "home"\nend\n'
