"""The forms in which the controller and the agent talk to each other.

Both sides build and read them: requests with their steps (requests.py, steps.py), and answers (answers.py,
state.py). On the way they are JSON (wire.py). What a text or a number may be is in bounds.py, the name of a
resource in ids.py.
"""
