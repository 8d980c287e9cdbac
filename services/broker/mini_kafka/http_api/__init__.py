"""The HTTP listener: translates requests into engine calls and answers into JSON; decides nothing.

`gate` is the outside of it, `connection` and `server` carry it, `app` is the FastAPI application behind the gate.
"""
