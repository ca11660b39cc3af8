"""FortiGates: their configuration language, plans, records, and sessions on them."""
