"""Real servers on this machine for development and tests, without Docker and without root."""
