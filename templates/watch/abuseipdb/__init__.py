"""Report new bans of this site to AbuseIPDB: find them, queue them within the limits, and send them.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""
