"""The program that runs on the ban host: it observes, changes and reports in one exec.

This package travels over stdin as a zip and is imported from memory by the host's own python3 (3.9 or
later), so it uses the standard library only and imports nothing else of the project. It keeps its
memory, the manifest, in :data:`STATE`.
"""

from __future__ import annotations

from provision.linux.agent.protocol.bounds import MEMORY

STATE = MEMORY
