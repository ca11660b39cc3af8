"""Look up the names and URLs of the ignore list: the service banstitch-watch.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""
