"""Offer the site's own bans to other sites: the service banstitch-share.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""
