"""From the desired and the observed state of a FortiGate to the lines to send."""
