"""The page for a help desk: a service of its own, which reads, and asks root for what is to change.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later.
"""
