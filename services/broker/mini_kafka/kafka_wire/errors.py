"""What ends a connection: bytes that are not a request that this broker answers.

A refusal that Kafka has an error code for is a `BrokerError`, and is answered (`error_codes`).
"""


class WireError(Exception):
    """The peer sent something that cannot be answered; the text says what, and the connection is closed."""
