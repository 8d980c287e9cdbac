"""Messages read and written by hand, version by version: those that clients send or wait for all the time."""
