"""The demo: one broker, one producer and two consumers as processes, and a file whose lines travel."""
