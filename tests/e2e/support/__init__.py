"""What the end-to-end tests stand on: the server under test, wire-level clients of our own, and oracles."""
