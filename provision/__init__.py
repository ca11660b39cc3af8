"""The orchestrator: inventory in, desired resources, plan, and the two transports."""
