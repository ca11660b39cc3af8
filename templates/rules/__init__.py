"""Decide which sources to ban, from the events of the event log: the service banstitch-rules.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""
