"""What the broker and the two services must agree on: the HTTP contract, and how a service starts.

Knows no service: nothing here imports `mini_kafka`, `mini_kafka_producer` or `mini_kafka_consumer`.
"""

__version__ = "0.1.0"
