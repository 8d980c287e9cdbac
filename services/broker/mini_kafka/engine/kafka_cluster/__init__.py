"""The engine of a gateway: the port answered from a real Kafka cluster, through librdkafka (confluent-kafka).

Imported only when the engine is `kafka`. Blocking calls run on threads, and what librdkafka tells from its own
threads comes to the loop in bunches. Nothing of the log is kept here: any number of gateways serve one cluster.
"""
