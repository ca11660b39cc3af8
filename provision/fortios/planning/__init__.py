"""What is decided about a FortiGate before anything is sent to it."""
