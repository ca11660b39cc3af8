"""Requests, steps and answers: the forms in which the controller and the agent talk to each other."""
