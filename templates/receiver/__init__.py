"""The receiver: FortiGates post failed logins here and fetch from here whom to deny.

POST /receive-logs     a FortiOS log line becomes one clean line for fail2ban; what an attacker
                       typed never reaches that line, only an address that passed every check does
GET  /blocked-ips      the bans that fail2ban keeps, one address a line; also .../v4 and .../v6
GET  /healthz          200 when all of this works, else 503; on the ban host itself also why
GET  /healthz/live     200 when the receiver is up and takes events, else 503
GET  /metrics          the same and more for Prometheus
GET  /status           a page for people, where the inventory turns it on

Managed by Banstitch: changes made here are overwritten. Runs on Python 3.9+ and Flask 1.1+.
"""
