"""Every refusal of the broker, as one tree. A listener looks each up in its own table and answers it.

    BrokerError                   answered: the caller did, or met, something that has a name
    ├── InvalidTopic              a name that breaks Kafka's rules, or collides with another topic's
    ├── TopicExists               created a second time
    ├── UnknownTopic              not there
    ├── UnknownPartition          the topic has fewer partitions
    ├── InvalidPartitions         a number of partitions that no topic can have
    ├── InvalidConfig             a config's name or value
    ├── RecordTooLarge            over `max.message.bytes`
    ├── OffsetOutOfRange          below the log start offset, or beyond the log end offset
    ├── UnknownConsumer           a consumer that did not register
    ├── MemoryLimitReached        the log's memory is full; the same request may succeed later
    └── BrokerStopping            the broker is on its way down

Anything else that is raised is a bug: it is logged with its traceback and answered without details.
"""


class BrokerError(Exception):
    """A refusal; its text is a lower-case sentence with the values in it, and says what to do."""


class InvalidTopic(BrokerError):
    """The topic's name breaks Kafka's rules, or collides with another topic's."""


class TopicExists(BrokerError):
    """There is a topic of this name already."""


class UnknownTopic(BrokerError):
    """There is no topic of this name."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"topic {topic!r} does not exist: register it with POST /topics/register")


class UnknownPartition(BrokerError):
    """The topic has no partition of this number."""

    def __init__(self, topic: str, partition: int, partitions: int) -> None:
        super().__init__(f"topic {topic!r} has no partition {partition}: it has 0 to {partitions - 1}")


class InvalidPartitions(BrokerError):
    """No topic can have this number of partitions."""


class InvalidConfig(BrokerError):
    """A config has an unknown name, or a value that it does not take."""


class RecordTooLarge(BrokerError):
    """A record's batch is larger than `max.message.bytes`."""

    def __init__(self, index: int, size: int, limit: int) -> None:
        self.index = index
        self.size = size
        self.limit = limit
        super().__init__(
            f"record {index} makes a batch of {size} bytes, and the topic's max.message.bytes is {limit}:"
            " send a smaller record or raise max.message.bytes"
        )


class OffsetOutOfRange(BrokerError):
    """The offset is outside the log."""

    def __init__(self, offset: int, start: int, end: int) -> None:
        self.log_start_offset = start
        self.log_end_offset = end
        super().__init__(f"offset {offset} is outside the log, which holds {start} to {end}")


class UnknownConsumer(BrokerError):
    """No consumer of this id has registered since the broker started."""

    def __init__(self, consumer_id: str) -> None:
        super().__init__(f"consumer {consumer_id!r} is not registered: register it with POST /consumers/register")


class MemoryLimitReached(BrokerError):
    """The log's memory is full; reads and commits go on, and the same produce may succeed later."""

    retry_after_s = 1

    def __init__(self, used: int, wanted: int, limit: int) -> None:
        super().__init__(
            f"the log holds {used} bytes, and {wanted} more would pass MINI_KAFKA_MEMORY_LIMIT ({limit}):"
            " try again later, shorten the topics' retention, or raise the limit"
        )


class BrokerStopping(BrokerError):
    """The broker is shutting down and takes no new work."""

    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("the broker is stopping: try again when it has started again")
