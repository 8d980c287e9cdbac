"""One table from core error to Kafka's error code, as `http_api.errors` has one to HTTP's status."""

from collections.abc import Mapping
from enum import IntEnum

from mini_kafka.core import errors as core


class ErrorCode(IntEnum):
    """Kafka's error codes (`org.apache.kafka.common.protocol.Errors`), as far as this broker gives them."""

    UNKNOWN_SERVER_ERROR = -1
    NONE = 0
    OFFSET_OUT_OF_RANGE = 1
    CORRUPT_MESSAGE = 2
    UNKNOWN_TOPIC_OR_PARTITION = 3
    NOT_LEADER_OR_FOLLOWER = 6
    MESSAGE_TOO_LARGE = 10
    OFFSET_METADATA_TOO_LARGE = 12
    COORDINATOR_NOT_AVAILABLE = 15
    INVALID_TOPIC_EXCEPTION = 17
    INVALID_REQUIRED_ACKS = 21
    ILLEGAL_GENERATION = 22
    INCONSISTENT_GROUP_PROTOCOL = 23
    INVALID_GROUP_ID = 24
    UNKNOWN_MEMBER_ID = 25
    INVALID_SESSION_TIMEOUT = 26
    REBALANCE_IN_PROGRESS = 27
    INVALID_TIMESTAMP = 32
    UNSUPPORTED_VERSION = 35
    TOPIC_ALREADY_EXISTS = 36
    INVALID_PARTITIONS = 37
    INVALID_REPLICATION_FACTOR = 38
    INVALID_REPLICA_ASSIGNMENT = 39
    INVALID_CONFIG = 40
    INVALID_REQUEST = 42
    POLICY_VIOLATION = 44
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45
    INVALID_PRODUCER_EPOCH = 47
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53
    KAFKA_STORAGE_ERROR = 56
    NON_EMPTY_GROUP = 68
    GROUP_ID_NOT_FOUND = 69
    FETCH_SESSION_ID_NOT_FOUND = 70
    INVALID_FETCH_SESSION_EPOCH = 71
    UNKNOWN_LEADER_EPOCH = 75
    UNSUPPORTED_COMPRESSION_TYPE = 76
    MEMBER_ID_REQUIRED = 79
    GROUP_MAX_SIZE_REACHED = 81
    FENCED_INSTANCE_ID = 82
    ELECTION_NOT_NEEDED = 84
    GROUP_SUBSCRIBED_TO_TOPIC = 86
    INVALID_RECORD = 87
    THROTTLING_QUOTA_EXCEEDED = 89
    UNKNOWN_TOPIC_ID = 100
    FETCH_SESSION_TOPIC_ID_ERROR = 106
    MISMATCHED_ENDPOINT_TYPE = 114
    UNSUPPORTED_ENDPOINT_TYPE = 115


KAFKA_CODE: Mapping[type[core.BrokerError], ErrorCode] = {
    core.InvalidTopic: ErrorCode.INVALID_TOPIC_EXCEPTION,
    core.TopicExists: ErrorCode.TOPIC_ALREADY_EXISTS,
    core.UnknownTopic: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    core.UnknownTopicId: ErrorCode.UNKNOWN_TOPIC_ID,
    core.UnknownPartition: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    core.InvalidPartitions: ErrorCode.INVALID_PARTITIONS,
    core.InvalidConfig: ErrorCode.INVALID_CONFIG,
    core.PartitionLimitReached: ErrorCode.POLICY_VIOLATION,
    core.GroupLimitReached: ErrorCode.GROUP_MAX_SIZE_REACHED,
    core.OffsetLimitReached: ErrorCode.POLICY_VIOLATION,
    core.MemberLimitReached: ErrorCode.GROUP_MAX_SIZE_REACHED,
    core.GroupNotFound: ErrorCode.GROUP_ID_NOT_FOUND,
    core.GroupNotEmpty: ErrorCode.NON_EMPTY_GROUP,
    core.GroupKindConflict: ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    core.InvalidGroupName: ErrorCode.INVALID_GROUP_ID,
    core.InvalidSessionTimeout: ErrorCode.INVALID_SESSION_TIMEOUT,
    core.MemberIdRequired: ErrorCode.MEMBER_ID_REQUIRED,
    core.UnknownMember: ErrorCode.UNKNOWN_MEMBER_ID,
    core.MemberFenced: ErrorCode.FENCED_INSTANCE_ID,
    core.IllegalGeneration: ErrorCode.ILLEGAL_GENERATION,
    core.RebalanceInProgress: ErrorCode.REBALANCE_IN_PROGRESS,
    core.InconsistentGroupProtocol: ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    core.GroupFull: ErrorCode.GROUP_MAX_SIZE_REACHED,
    core.GroupMemoryReached: ErrorCode.GROUP_MAX_SIZE_REACHED,
    core.GroupIsSubscribed: ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC,
    core.CommitMetadataTooLarge: ErrorCode.OFFSET_METADATA_TOO_LARGE,
    core.InvalidRecord: ErrorCode.INVALID_RECORD,
    core.InvalidTimestamp: ErrorCode.INVALID_TIMESTAMP,
    core.CorruptBatch: ErrorCode.CORRUPT_MESSAGE,
    core.InvalidBatch: ErrorCode.INVALID_RECORD,
    core.BatchTooLarge: ErrorCode.MESSAGE_TOO_LARGE,
    core.UnsupportedCompression: ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
    core.TimestampOutOfRange: ErrorCode.INVALID_TIMESTAMP,
    core.TransactionsUnsupported: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    core.OutOfOrderSequence: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    core.StaleProducerEpoch: ErrorCode.INVALID_PRODUCER_EPOCH,
    core.UnknownLeaderEpoch: ErrorCode.UNKNOWN_LEADER_EPOCH,
    core.RecordsNotDeletable: ErrorCode.POLICY_VIOLATION,
    core.SequenceGap: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    core.ProducerFenced: ErrorCode.INVALID_PRODUCER_EPOCH,
    core.RecordTooLarge: ErrorCode.MESSAGE_TOO_LARGE,
    core.OffsetOutOfRange: ErrorCode.OFFSET_OUT_OF_RANGE,
    core.UnknownConsumer: ErrorCode.UNKNOWN_MEMBER_ID,
    # librdkafka and Java try it again, the batch included; THROTTLING_QUOTA_EXCEEDED makes librdkafka give up.
    core.MemoryLimitReached: ErrorCode.KAFKA_STORAGE_ERROR,
    # Of a gateway to a cluster, which serves no Kafka clients: none of them is ever seen here.
    **dict.fromkeys(
        (
            core.ClusterDenied,
            core.ClusterRefused,
            core.ClusterUnavailable,
            core.LockHeldElsewhere,
            core.NotOnCluster,
            core.PartlyAppended,
            core.ProduceQueueFull,
            core.SharedGroupLimitReached,
        ),
        ErrorCode.UNKNOWN_SERVER_ERROR,
    ),
    # What a Kafka broker says that gives its partitions away before it stops: look for the leader, and try again.
    core.BrokerStopping: ErrorCode.NOT_LEADER_OR_FOLLOWER,
}


def kafka_code(error: core.BrokerError) -> ErrorCode:
    """Look up the code of a refusal."""
    return KAFKA_CODE[type(error)]


def group_code(error: core.BrokerError) -> ErrorCode:
    """Look up the code of a refusal to a group's client: one that stops tells it to look for the coordinator anew."""
    return ErrorCode.COORDINATOR_NOT_AVAILABLE if isinstance(error, core.BrokerStopping) else kafka_code(error)
