"""The forms of all messages between the controller and the agent.

Both sides build and read them: requests with their steps (requests.py, steps.py), and answers (answers.py,
state.py). On the way they are JSON (wire.py). What a text or a number may be is in bounds.py, the name of a
resource in ids.py.
"""
