"""The rules of a log, its offsets and its consumers, as plain objects.

Pure: no I/O, no clock, no `await`, no HTTP, no Pydantic. The time is a parameter (`now_ms`, milliseconds since
1970), randomness too, and whatever has a deadline says so through `next_deadline_ms`.
"""
