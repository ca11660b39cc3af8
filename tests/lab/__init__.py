"""The lab: real Debian hosts in systemd-nspawn and a FortiOS simulator.

No product code imports it.
"""
