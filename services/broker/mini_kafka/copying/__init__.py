"""`mini-kafka copy`: moves topics and committed offsets from one broker to another, over the HTTP API of both.

It knows nothing of the broker that it is packed with: what it copies between may be RAM or a Kafka cluster.
"""
