"""The broker of Mini Kafka: topics in RAM, spoken to over HTTP.

Three floors (docs/architecture.md): `http_api` translates, `engine` waits and knows the time, `core` holds the
rules. Nothing is built at import; `bootstrap` puts the floors together.
"""
