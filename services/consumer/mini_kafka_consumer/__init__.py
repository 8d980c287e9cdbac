"""The consumer service: polls the broker for messages, and hands each to `handler.handle`.

Knows the broker by its HTTP API only, through `mini_kafka_shared.client`.
"""
