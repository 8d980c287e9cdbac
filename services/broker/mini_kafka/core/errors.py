"""Every refusal of the broker, as one tree. A listener looks each up in its own table and answers it.

It has over 400 lines because all refusals are in one place, each with the sentence that it is told in.

    BrokerError                   answered: the caller did, or met, something that has a name
    ├── InvalidTopic              a name that breaks Kafka's rules, or collides with another topic's
    ├── TopicExists               created a second time, or to be something else than it is
    ├── UnknownTopic              not there
    ├── UnknownTopicId            no topic has this id, or none has it any more
    ├── UnknownPartition          the topic has fewer partitions
    ├── InvalidPartitions         a number of partitions that no topic can have
    ├── InvalidConfig             a config's name or value
    ├── PartitionLimitReached     the broker has as many partitions as it may have
    ├── GroupLimitReached         as many groups have committed offsets as may
    ├── OffsetLimitReached        as many offsets are committed as may
    ├── MemberLimitReached        as many members are at work in a group as may
    ├── GroupNotFound             no group of this name has offsets or members
    ├── GroupNotEmpty             to be deleted while it has members or holds locks
    ├── GroupKindConflict         a call of another kind than the group is while it has members
    ├── LockHeldElsewhere         a lock that another gateway holds is presented here
    ├── SharedGroupLimitReached   a gateway shares records of as many groups as it may
    ├── InvalidGroupName          a group without a name, or with one that a gateway cannot use
    ├── InvalidSessionTimeout     shorter or longer than a member's session may be
    ├── MemberIdRequired          a new member has to join again, with the id that it is given
    ├── UnknownMember             not in the group, or not any more
    ├── MemberFenced              a static member whose place another one has taken
    ├── IllegalGeneration         of another generation than the group is in
    ├── RebalanceInProgress       the group forms a generation: join again
    ├── InconsistentGroupProtocol no way to share work that all members know
    ├── GroupFull                 as many members as a group may have
    ├── GroupMemoryReached        what Kafka's groups hold in memory is full
    ├── GroupIsSubscribed         to forget offsets of a topic that members of the group read
    ├── CommitMetadataTooLarge    more text with a committed offset than is kept
    ├── InvalidRecord             a record that no log takes
    ├── InvalidTimestamp          a record's time that its topic does not take
    ├── RecordTooLarge            over `max.message.bytes`
    ├── CorruptBatch              bytes from a Kafka client that are no batch, or not the one that was sent
    ├── InvalidBatch              a Kafka client's batch that no log takes
    ├── BatchTooLarge             a Kafka client's batch over `max.message.bytes`
    ├── UnsupportedCompression    a codec that is unknown, or that the request's version does not have
    ├── TimestampOutOfRange       a Kafka client's batch with a time that its topic does not take
    ├── TransactionsUnsupported   there are no transactions here
    ├── OutOfOrderSequence        an idempotent producer's batch that does not follow its last one
    ├── StaleProducerEpoch        an idempotent producer's batch of an older epoch
    ├── UnknownLeaderEpoch        the client knows a later leader than there ever was
    ├── RecordsNotDeletable       the topic's `cleanup.policy` lets nobody delete records
    ├── SequenceGap               a producer's request that does not follow its last one
    ├── ProducerFenced            a request of a producer's older self
    ├── OffsetOutOfRange          below the log start offset, or beyond the log end offset
    ├── UnknownConsumer           a consumer that did not register
    ├── MemoryLimitReached        the log's memory is full; the same request may succeed later
    ├── ProduceQueueFull          too much waits for the cluster; the same request may succeed later
    ├── ClusterUnavailable        the Kafka cluster behind a gateway does not answer; it may later
    ├── ClusterDenied             the Kafka cluster does not let the gateway's user do this
    ├── ClusterRefused            the Kafka cluster refused what the gateway asked for
    ├── PartlyAppended            of a request's records the cluster took some, and not all
    ├── NotOnCluster              a call that only an engine with a log of its own can do
    └── BrokerStopping            the broker is on its way down

Anything else that is raised is a bug: it is logged with its traceback and answered without details.
"""

from collections.abc import Sequence


class BrokerError(Exception):
    """A refusal; its text is a lower-case sentence with the values in it, and says what to do."""


class InvalidTopic(BrokerError):
    """The topic's name breaks Kafka's rules, or collides with another topic's."""


class TopicExists(BrokerError):
    """There is a topic of this name already."""


class UnknownTopic(BrokerError):
    """There is no topic of this name."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"topic {topic!r} does not exist")


class UnknownTopicId(BrokerError):
    """No topic has this id; one of the same name may have another."""

    def __init__(self, topic_id: object) -> None:
        super().__init__(f"no topic has the id {topic_id}: it was deleted, or made anew under another id")


class UnknownPartition(BrokerError):
    """The topic has no partition of this number."""

    def __init__(self, topic: str, partition: int, partitions: int) -> None:
        super().__init__(f"topic {topic!r} has no partition {partition}: it has 0 to {partitions - 1}")


class InvalidPartitions(BrokerError):
    """No topic can have this number of partitions."""


class InvalidConfig(BrokerError):
    """A config has an unknown name, or a value that it does not take."""


class PartitionLimitReached(BrokerError):
    """All topics together have as many partitions as the broker allows."""

    def __init__(self, held: int, wanted: int, limit: int) -> None:
        super().__init__(
            f"the broker has {held} partitions, and {wanted} more would pass MINI_KAFKA_MAX_PARTITIONS ({limit}):"
            " delete a topic, or raise the limit"
        )


class GroupLimitReached(BrokerError):
    """As many groups, consumers among them, have committed offsets as the broker allows."""

    def __init__(self, group: str, limit: int) -> None:
        super().__init__(
            f"group {group!r} would be one more than MINI_KAFKA_MAX_GROUPS ({limit}):"
            " use the names of earlier groups or consumers again, delete their topics, or raise the limit"
        )


class OffsetLimitReached(BrokerError):
    """All groups together have as many committed offsets, one for each partition, as the broker allows."""

    def __init__(self, group: str, held: int, wanted: int, limit: int) -> None:
        super().__init__(
            f"the groups have {held} committed offsets, and {wanted} more of group {group!r} would pass"
            f" MINI_KAFKA_MAX_COMMITTED_OFFSETS ({limit}): delete groups or topics, or raise the limit"
        )


class MemberLimitReached(BrokerError):
    """As many members are at work in a group as the broker allows."""

    def __init__(self, group: str, limit: int) -> None:
        super().__init__(
            f"group {group!r} would have one member more than MINI_KAFKA_GROUP_MAX_SIZE ({limit}):"
            " wait until another has done its records, or raise the limit"
        )


class GroupNotFound(BrokerError):
    """No group of this name has committed offsets or members."""

    def __init__(self, group: str) -> None:
        super().__init__(f"group {group!r} does not exist: it has committed nothing, and nobody shares records in it")


class GroupNotEmpty(BrokerError):
    """The group has members or holds locks, and cannot be taken away under them."""

    def __init__(self, group: str, locked: int, members: int) -> None:
        super().__init__(
            f"group {group!r} has {locked} records locked and {members} members at work:"
            " acknowledge the records or release the members first, or wait until the locks run out"
        )


class GroupKindConflict(BrokerError):
    """The group has members or held locks of another kind than this call's."""

    def __init__(self, group: str, kind: str, reason: str) -> None:
        super().__init__(f"group {group!r} {kind} now ({reason}): use another group, or try again when that has ended")


class LockHeldElsewhere(BrokerError):
    """Another gateway holds one of the locks; `gateway` is its name, and nothing was settled."""

    def __init__(self, gateway: str, here: str) -> None:
        self.gateway = gateway
        holder = f"gateway {gateway!r}" if gateway else "a broker with its log in memory"
        super().__init__(
            f"a lock is held by {holder}, and this is gateway {here!r}: nothing was settled,"
            " so send the request to the gateway that gave the lock"
        )


class SharedGroupLimitReached(BrokerError):
    """The gateway is a member of as many groups that share records as it may be."""

    def __init__(self, group: str, limit: int) -> None:
        super().__init__(
            f"this gateway shares records of {limit} groups, and group {group!r} would be one more than"
            " MINI_KAFKA_CLUSTER_SHARED_GROUPS: ask another gateway, try again later, or raise the limit"
        )


class InvalidGroupName(BrokerError):
    """A group needs a name, and on a cluster one that its client can carry."""

    def __init__(self, reason: str = "a group has a name of at least one character: set group.id") -> None:
        super().__init__(reason)


class InvalidSessionTimeout(BrokerError):
    """The session time-out is outside what the broker allows."""

    def __init__(self, timeout_ms: int, least_ms: int, most_ms: int) -> None:
        super().__init__(
            f"a session time-out of {timeout_ms} ms is not allowed: it is {least_ms} to {most_ms} ms"
            " (group.min.session.timeout.ms, group.max.session.timeout.ms)"
        )


class MemberIdRequired(BrokerError):
    """A new member has to join again with the id that it is given here (KIP-394)."""

    def __init__(self, group: str, member_id: str) -> None:
        self.member_id = member_id
        super().__init__(f"join group {group!r} again as member {member_id!r}")


class UnknownMember(BrokerError):
    """The group has no such member, or has it no longer."""

    def __init__(self, group: str, member_id: str, instance_id: str | None = None) -> None:
        static = "" if instance_id is None else f" with the instance id {instance_id!r}"
        super().__init__(f"group {group!r} has no member {member_id!r}{static}: join it without a member id")


class MemberFenced(BrokerError):
    """Another process has taken a static member's place (KIP-345)."""

    def __init__(self, group: str, member_id: str, instance_id: str) -> None:
        super().__init__(
            f"member {member_id!r} of group {group!r} is not the one that has the instance id {instance_id!r} now:"
            " give each process an instance id of its own"
        )


class IllegalGeneration(BrokerError):
    """The group is in another generation than the caller."""

    def __init__(self, group: str, generation: int, current: int) -> None:
        super().__init__(f"group {group!r} is in generation {current}, not {generation}: join it again")


class RebalanceInProgress(BrokerError):
    """The group is about to form a generation."""

    def __init__(self, group: str) -> None:
        super().__init__(f"group {group!r} rebalances: join it again")


class InconsistentGroupProtocol(BrokerError):
    """The members of a group know no common way to share work."""

    def __init__(self, group: str, said: str, agreed: str) -> None:
        super().__init__(
            f"group {group!r} has {agreed}, and this member {said}:"
            " use another group, or a protocol that all members know"
        )


class GroupFull(BrokerError):
    """The group has as many members as it may have."""

    def __init__(self, group: str, limit: int) -> None:
        super().__init__(f"group {group!r} has {limit} members already, as many as group.max.size allows")


class GroupMemoryReached(BrokerError):
    """All groups of Kafka clients together hold as much as they may."""

    def __init__(self, used: int, wanted: int, limit: int) -> None:
        super().__init__(
            f"the groups of Kafka clients hold {used} bytes, and {wanted} more would pass"
            f" MINI_KAFKA_MAX_GROUP_BYTES ({limit}): let fewer members join, or raise the limit"
        )


class GroupIsSubscribed(BrokerError):
    """Members of the group read the topic whose offsets are to be forgotten."""

    def __init__(self, group: str, topic: str) -> None:
        super().__init__(f"members of group {group!r} read topic {topic!r}: stop them first")


class CommitMetadataTooLarge(BrokerError):
    """The text with a committed offset is longer than is kept."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"the metadata with an offset has {size} characters, and at most {limit} are kept")


class InvalidRecord(BrokerError):
    """A record that no log takes."""

    def __init__(self, index: int, reason: str) -> None:
        self.index = index
        super().__init__(f"record {index} {reason}")


class InvalidTimestamp(BrokerError):
    """A record's time is none, or too far from the broker's for its topic."""

    def __init__(self, index: int, reason: str) -> None:
        self.index = index
        super().__init__(f"record {index} {reason}")


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


class CorruptBatch(BrokerError):
    """What a Kafka client sent is no batch, or not the one that it meant to send."""


class InvalidBatch(BrokerError):
    """A Kafka client's batch that no log takes; `records` names those in it that are the reason, by their place."""

    def __init__(self, reason: str, records: Sequence[int] = ()) -> None:
        self.records = records
        super().__init__(reason)


class BatchTooLarge(BrokerError):
    """A Kafka client's batch is larger than `max.message.bytes`."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"the batch has {size} bytes, and the topic's max.message.bytes is {limit}:"
            " send smaller batches or raise max.message.bytes"
        )


class UnsupportedCompression(BrokerError):
    """A codec that is unknown, or that the request's version does not have."""


class TimestampOutOfRange(BrokerError):
    """A Kafka client's batch has a time that its topic does not take."""


class TransactionsUnsupported(BrokerError):
    """A call that belongs to a transaction."""

    def __init__(self) -> None:
        super().__init__("there are no transactions here: produce without transactional.id")


class OutOfOrderSequence(BrokerError):
    """An idempotent producer's batch is neither the one after its last nor a recent one."""

    def __init__(self, producer_id: int, expected: int, got: int) -> None:
        super().__init__(f"producer {producer_id} sent a batch with sequence {got}, and {expected} is next")


class StaleProducerEpoch(BrokerError):
    """An idempotent producer's batch is of an older epoch than its last one."""

    def __init__(self, producer_id: int, epoch: int, current: int) -> None:
        super().__init__(f"producer {producer_id} is at epoch {current}, and this batch is of epoch {epoch}")


class UnknownLeaderEpoch(BrokerError):
    """The client knows a later leader of the partition than there ever was."""

    def __init__(self, epoch: int) -> None:
        super().__init__(f"leader epoch {epoch} never was: the only one is 0")


class RecordsNotDeletable(BrokerError):
    """The topic's `cleanup.policy` lets nobody delete records."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"topic {topic!r} is only compacted: records can be deleted where cleanup.policy has delete")


class SequenceGap(BrokerError):
    """A producer's request is neither the one after its last nor a recent one."""

    def __init__(self, producer_id: str, topic: str, expected: int, got: int) -> None:
        super().__init__(
            f"producer {producer_id!r} sent request {got} to topic {topic!r}, and {expected} is next:"
            " send the requests in their order, or begin again at 0 with a higher epoch"
        )


class ProducerFenced(BrokerError):
    """A newer self of this producer has taken over."""

    def __init__(self, producer_id: str, epoch: int, current: int) -> None:
        super().__init__(
            f"producer {producer_id!r} is at epoch {current}, and this request is of epoch {epoch}:"
            " another instance has taken its place, so stop, or take a higher epoch"
        )


class OffsetOutOfRange(BrokerError):
    """The offset is outside the log."""

    def __init__(self, offset: int, start: int, end: int, partition: object = "") -> None:
        self.log_start_offset = start
        self.log_end_offset = end
        place = f" of partition {partition}" if partition != "" else ""
        super().__init__(f"offset {offset} is outside the log{place}, which holds {start} to {end}")


class UnknownConsumer(BrokerError):
    """No consumer of this id has registered since the broker started."""

    def __init__(self, consumer_id: str) -> None:
        super().__init__(f"consumer {consumer_id!r} is not registered")


class MemoryLimitReached(BrokerError):
    """The log's memory is full; reads and commits go on, and the same produce may succeed later."""

    def __init__(self, used: int, wanted: int, limit: int) -> None:
        super().__init__(
            f"the log holds {used} bytes, and {wanted} more would pass MINI_KAFKA_MEMORY_LIMIT ({limit}):"
            " try again later, shorten the topics' retention, or raise the limit"
        )


class ProduceQueueFull(BrokerError):
    """What waits to be taken by the cluster fills its bound; the same produce may succeed later."""

    def __init__(self, held: int, wanted: int, limit: int) -> None:
        super().__init__(
            f"{held} bytes of records wait for the cluster, and {wanted} more would pass"
            f" MINI_KAFKA_CLUSTER_QUEUE_BYTES ({limit}): try again later, or raise the limit"
        )


class ClusterUnavailable(BrokerError):
    """The Kafka cluster does not answer, or not in time; the same call may succeed later."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the Kafka cluster is not available: {reason}")


class ClusterDenied(BrokerError):
    """The Kafka cluster does not let the gateway's user do this: the same call is refused until it has the right."""

    def __init__(self, named: str, reason: str) -> None:
        about = f", here for {named!r}" if named else ""
        super().__init__(
            f"the Kafka cluster denies this to the gateway's user: {reason}{about}; give the user the right"
            " (docs/scaling.md lists all)"
        )


class ClusterRefused(BrokerError):
    """The Kafka cluster answered, and refused what was asked for another reason than this tree has a name for."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the Kafka cluster refused this: {reason}")


class PartlyAppended(BrokerError):
    """The cluster took some of a request's records: `places` has a partition, offset and time for each that it took."""

    def __init__(self, places: Sequence[tuple[int, int, int] | None], reason: str) -> None:
        self.places = places
        appended = [index for index, place in enumerate(places) if place is not None]
        others = [index for index, place in enumerate(places) if place is None]
        super().__init__(
            f"of the records, counted from 0, {_ranges(appended)} were appended;"
            f" {_ranges(others)} were not, or nobody can tell: {reason}"
        )


class NotOnCluster(BrokerError):
    """What is asked for cannot be had where the log is a Kafka cluster's."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} cannot be had on a Kafka cluster (MINI_KAFKA_ENGINE=kafka)")


class BrokerStopping(BrokerError):
    """The broker is shutting down and takes no new work."""

    def __init__(self) -> None:
        super().__init__("the broker is stopping: try again when it has started again")


def _ranges(indexes: Sequence[int]) -> str:
    """Write ascending indexes as `0-3, 7`."""
    runs: list[list[int]] = []
    for index in indexes:
        if runs and runs[-1][1] + 1 == index:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs) or "none"
