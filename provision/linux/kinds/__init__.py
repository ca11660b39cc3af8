"""The kinds of resources of a ban host, one module for each.

A module holds a frozen dataclass: what a role asks for, what the agent must observe for it, and how the
difference is planned. The module of the same name in ``agent/kinds/`` observes it on the host, makes it and
takes it back. The forms of what the two send each other are in ``agent/protocol/``.
"""
