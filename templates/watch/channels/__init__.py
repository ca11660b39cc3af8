"""The channels of alarms: mail, webhooks, and a remote syslog. All of them send plain text.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""
