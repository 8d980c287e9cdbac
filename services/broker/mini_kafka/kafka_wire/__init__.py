"""The Kafka listener: the Kafka protocol, translated to calls of the engine and back. It decides nothing.

`session` is a connection without I/O, `server` its socket, `registry` the list of APIs, `handlers` one file per API.
"""
