"""From what a FortiGate should hold and what it holds to what is sent."""
