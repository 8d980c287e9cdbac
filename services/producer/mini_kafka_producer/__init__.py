"""The producer service: reads lines, and publishes each as one message.

Knows the broker by its HTTP API only, through `mini_kafka_shared.client`.
"""
