"""Alarms: look at the site, judge what is wrong, and send that through the channels.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""
