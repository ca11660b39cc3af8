"""Modules that several programs of a ban host import under this name.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""
