"""The work that goes out to the network: the service banstitch-watch.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""
