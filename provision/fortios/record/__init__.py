"""The record of a FortiGate in its ban host's manifest: what was made there, and what stood there before."""
