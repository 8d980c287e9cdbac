"""The engine: what the listeners call. It waits, knows the time, and owns the one event loop's state.

State changes only between awaits, so there are no locks. It translates nothing: no HTTP, no wire format.
"""
