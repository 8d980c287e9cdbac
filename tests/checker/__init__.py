"""The history checker: what clients saw of a broker, and whether a correct broker could have shown it to them.

`history` holds the values, `journal` how clients write them down, `checking` the verdict. They know neither HTTP nor
any engine: a client of another protocol writes the same journal. The rooms `http_…` speak `/v1`,
`kafka_workers` and `python_kafka_workers` are Kafka clients, and `kafka_proxy` cuts their connections; `live_run` lets
them loose on a broker process, `in_process_run` those of HTTP on a broker in this process, with a clock that stands
still. `mutants` and `kafka_mutants` are brokers that break one rule each.
"""
