"""Ban hosts: their resources, plans, and the sessions and the agent that apply them."""
