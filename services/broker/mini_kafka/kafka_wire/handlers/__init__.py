"""One file per Kafka API, numbered by its key; each one's docstring opens with the versions that it answers."""
