"""The work of the verbs that contact no host."""
