"""The factory configuration of a small FortiGate, complete enough to look real.

One text serves every version: the loader keeps what a version knows.
"""

from tests.simulator.schema import Version

GLOBAL = """\
config system global
    set hostname {hostname}
end
config system accprofile
    edit "prof_admin"
        set secfabgrp read-write
        set sysgrp read-write
        set fwgrp read-write
        set vpngrp read-write
    next
    edit "super_admin"
        set scope global
        set secfabgrp read-write
        set sysgrp read-write
        set fwgrp read-write
        set vpngrp read-write
    next
end
config system interface
    edit "port1"
        set vdom "root"
        set ip 198.51.100.2 255.255.255.0
        set allowaccess ping https ssh
        set type physical
        set snmp-index 1
    next
    edit "port2"
        set vdom "root"
        set ip 192.168.1.99 255.255.255.0
        set allowaccess ping https ssh
        set type physical
        set alias "LAN"
        set snmp-index 2
    next
    edit "ssl.root"
        set vdom "root"
        set type tunnel
        set alias "SSL VPN interface"
        set snmp-index 3
    next
end
config system admin
    edit "admin"
        set accprofile "super_admin"
        set vdom "root"
        set password ENC factory-secret
    next
end
config system automation-trigger
    edit "Network Down"
        set description "Network interface is down, such as an unplugged cable."
        set event-type event-log
        set logid 20099
        config fields
            edit 1
                set name "status"
                set value "DOWN"
            next
        end
    next
    edit "HA Failover"
        set description "A HA failover has occurred."
        set event-type ha-failover
    next
    edit "Reboot"
        set description "A FortiGate\\'s reboot has started."
        set event-type reboot
    next
    edit "License Expired Notification"
        set description "A license is near expiration."
        set event-type license-near-expiry
        set license-type any
    next
end
config system automation-action
    edit "Default Email"
        set description "Default automation action configuration for sending an email."
        set action-type email
        set email-subject "%%log.logdesc%%"
    next
    edit "Backup Config Disk"
        set description "Backup this FortiGate\\'s configuration file to disk."
        set action-type system-actions
        set system-action backup-config
    next
    edit "CLI Script - System Status"
        set description "Execute a CLI script to return the system status."
        set action-type cli-script
        set script "get system status"
        set accprofile "super_admin"
    next
end
config system automation-stitch
    edit "Network Down"
        set description "Send an email when a network interface goes down."
        set status disable
        set trigger "Network Down"
        set action "Default Email"
        config actions
            edit 1
                set action "Default Email"
            next
        end
    next
    edit "HA Failover"
        set description "Send an email when the unit\\'s HA role changes."
        set status disable
        set trigger "HA Failover"
        set action "Default Email"
        config actions
            edit 1
                set action "Default Email"
            next
        end
    next
end
config vpn certificate local
    edit "Fortinet_Factory"
        set password ENC factory-certificate
        set comments "This certificate is embedded in the hardware at the factory."
    next
end
"""

VDOM = """\
config system settings
end
config firewall address
    edit "none"
        set uuid 3fbc4a5c-0000-51ef-0000-000000000001
        set subnet 0.0.0.0 255.255.255.255
    next
    edit "all"
        set uuid 3fbc4a5c-0000-51ef-0000-000000000002
    next
    edit "SSLVPN_TUNNEL_ADDR1"
        set uuid 3fbc4a5c-0000-51ef-0000-000000000003
        set type iprange
        set start-ip 10.212.134.200
        set end-ip 10.212.134.210
    next
end
config firewall address6
    edit "all"
        set uuid 3fbc4a5c-0000-51ef-0000-000000000004
    next
    edit "none"
        set uuid 3fbc4a5c-0000-51ef-0000-000000000005
        set ip6 ::/128
    next
end
config firewall service custom
    edit "ALL"
        set uuid 3fbc4a5c-0000-51ef-0000-000000000006
        set category "General"
        set protocol IP
    next
    edit "HTTPS"
        set uuid 3fbc4a5c-0000-51ef-0000-000000000007
        set category "Web Access"
        set tcp-portrange 443
    next
    edit "IKE"
        set uuid 3fbc4a5c-0000-51ef-0000-000000000008
        set category "Tunneling"
        set udp-portrange 500 4500
    next
end
config firewall schedule recurring
    edit "always"
        set day sunday monday tuesday wednesday thursday friday saturday
    next
    edit "none"
    next
end
config vpn ssl web portal
    edit "full-access"
        set tunnel-mode enable
        set web-mode enable
    next
    edit "web-access"
        set web-mode enable
    next
end
config vpn ssl settings
    set servercert "Fortinet_Factory"
    set tunnel-ip-pools "SSLVPN_TUNNEL_ADDR1"
    set port 8443
    set source-interface "{wan}"
    set default-portal "web-access"
end
config firewall policy
    edit 1
        set name "LAN to Internet"
        set uuid 3fbc4a5c-0000-51ef-0000-000000000009
        set srcintf "{lan}"
        set dstintf "{wan}"
        set action accept
        set srcaddr "all"
        set dstaddr "all"
        set schedule "always"
        set service "ALL"
        set nat enable
    next
end
"""

# 7.6.1 and later come with a local-in policy against known attackers (KB 323085).
LOCAL_IN = """\
config firewall local-in-policy
    edit 1
        set uuid 3fbc4a5c-0000-51ef-0000-00000000000a
        set intf "any"
        set internet-service-src enable
        set internet-service-src-name "Malicious-Malicious.Server"
        set dstaddr "all"
        set service "ALL"
        set schedule "always"
    next
end
"""


def vdom(version: Version) -> str:
    """Return what each VDOM of a new FortiGate holds."""
    return VDOM + (LOCAL_IN if version >= (7, 6, 1) else "")
