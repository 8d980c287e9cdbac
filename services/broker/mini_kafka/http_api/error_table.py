"""Every error of the HTTP API, as one table: its code, status, title, what to do, and the settings that govern it.

`docs/errors.md` is written from it, the broker serves it at `/errors`, and the `type` of an error's body points there
(RFC 9457). A code is Kafka's name of the error where Kafka has one, else a name of the same form, and names one kind
only. What happened this time is not in the table: that is the sentence of the one who refuses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from mini_kafka.core import errors as core

PATH = "/errors"


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """A kind of error; `title` says what it means, `advice` what to do, `settings` which variables move it."""

    code: str
    status: HTTPStatus
    title: str
    advice: str
    settings: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """Give the URI reference of its entry, which the broker itself serves.

        It is relative (RFC 9457 §3.1.1), because the broker does not know under which name a client reaches it, and
        it works without the internet. It begins at the root, so it is the same from any path.
        """
        return f"{PATH}/{self.code}"

    @property
    def try_again(self) -> bool:
        """Tell whether the same request may succeed later."""
        return self.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


INVALID_REQUEST = ErrorKind(
    "INVALID_REQUEST", HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not what this call takes",
    "Correct what the detail names; `errors` lists each fault of a body. /docs shows what each call takes.",
)  # fmt: skip
MALFORMED_REQUEST = ErrorKind(
    "MALFORMED_REQUEST", HTTPStatus.BAD_REQUEST, "The request is not valid HTTP/1.1",
    "Use an HTTP client, and send one Host field. The broker speaks HTTP/1.1 without TLS, and no other protocol.",
)  # fmt: skip
CROSS_SITE_REQUEST = ErrorKind(
    "CROSS_SITE_REQUEST", HTTPStatus.FORBIDDEN, "Another site's page asked for a change",
    "A page of another site may not change this broker's state: call the broker from a program, or from its own pages.",
)  # fmt: skip
PATH_NOT_FOUND = ErrorKind(
    "PATH_NOT_FOUND", HTTPStatus.NOT_FOUND, "There is nothing at this path",
    "Look for a slip in the path; /docs shows what there is.",
)  # fmt: skip
OFFSET_NOT_AVAILABLE = ErrorKind(
    "OFFSET_NOT_AVAILABLE", HTTPStatus.NOT_FOUND, "The offset is not there yet",
    "It is beyond the end of the log: wait for the record with wait_ms=, or read from latest.",
)  # fmt: skip
METHOD_NOT_ALLOWED = ErrorKind(
    "METHOD_NOT_ALLOWED", HTTPStatus.METHOD_NOT_ALLOWED, "The path does not take this method",
    "The header Allow says which it takes.",
)  # fmt: skip
NOT_ACCEPTABLE = ErrorKind(
    "NOT_ACCEPTABLE", HTTPStatus.NOT_ACCEPTABLE, "The answer cannot be had in an accepted form",
    "Send an Accept field with one of the media types that the detail lists, or none.",
)  # fmt: skip
REQUEST_TIMED_OUT = ErrorKind(
    "REQUEST_TIMED_OUT", HTTPStatus.REQUEST_TIMEOUT, "The request came in too slowly",
    "Send the head and the body at once. Lines of JSON may take as long as they like, if no pause is too long.",
    ("MINI_KAFKA_HEADER_TIMEOUT", "MINI_KAFKA_BODY_TIMEOUT"),
)  # fmt: skip
TOKEN_OF_ANOTHER_LOG = ErrorKind(
    "TOKEN_OF_ANOTHER_LOG", HTTPStatus.GONE, "The token belongs to a log that is gone",
    "The broker was started again, or the topic was deleted and made again: begin anew with from=earliest or latest.",
)  # fmt: skip
NO_RECORD_AT_OFFSET = ErrorKind(
    "NO_RECORD_AT_OFFSET", HTTPStatus.GONE, "The offset holds no record any more",
    "Compaction dropped it, because its key has a later record: read from the offset on to get the next one.",
)  # fmt: skip
CORRUPT_MESSAGE = ErrorKind(
    "CORRUPT_MESSAGE", HTTPStatus.GONE, "The record cannot be decoded",
    "Its batch is damaged, or wider than it may be once it is decompressed: read the records behind it.",
    ("MINI_KAFKA_MAX_DECOMPRESSED_BYTES",),
)  # fmt: skip
BODY_TOO_LARGE = ErrorKind(
    "BODY_TOO_LARGE", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large",
    "Send less at a time, or lines of JSON, whose number has no limit.",
    ("MINI_KAFKA_MAX_BODY_BYTES", "MINI_KAFKA_MAX_CONTROL_BODY_BYTES"),
)  # fmt: skip
RECORD_LIST_TOO_LARGE = ErrorKind(
    "RECORD_LIST_TOO_LARGE", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request has too many records",
    "Send less at a time, or lines of JSON, whose number has no limit.",
    ("MINI_KAFKA_MAX_RECORDS_PER_REQUEST",),
)  # fmt: skip
UNSUPPORTED_MEDIA_TYPE = ErrorKind(
    "UNSUPPORTED_MEDIA_TYPE", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is not JSON, as this call needs it",
    "Send the header content-type: application/json with a body of JSON.",
)  # fmt: skip
UNSUPPORTED_CONTENT_ENCODING = ErrorKind(
    "UNSUPPORTED_CONTENT_ENCODING", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is compressed",
    "Send it plain, without Content-Encoding: the broker would store it as it came, and nobody could read it.",
)  # fmt: skip
MISDIRECTED_REQUEST = ErrorKind(
    "MISDIRECTED_REQUEST", HTTPStatus.MISDIRECTED_REQUEST, "The Host is none of this broker's",
    "Use an IP address or localhost, or allow the name. The rule keeps web pages out (DNS rebinding).",
    ("MINI_KAFKA_ALLOWED_HOSTS",),
)  # fmt: skip
HEAD_TOO_LARGE = ErrorKind(
    "HEAD_TOO_LARGE", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The request's head is too large",
    "Send fewer or shorter header fields. Where it is a token of very many partitions, read them one by one with"
    " partition=.",
    ("MINI_KAFKA_MAX_HEAD_BYTES",),
)  # fmt: skip
TOO_MANY_PIPELINED = ErrorKind(
    "TOO_MANY_PIPELINED", HTTPStatus.TOO_MANY_REQUESTS, "Too much was sent before an answer was read",
    "Read the answers: those before this one have been given, what came after it was passed over.",
    ("MINI_KAFKA_MAX_PIPELINED", "MINI_KAFKA_MAX_PIPELINED_BODY_BYTES"),
)  # fmt: skip
TOO_MANY_BODIES = ErrorKind(
    "TOO_MANY_BODIES", HTTPStatus.SERVICE_UNAVAILABLE, "Too many bodies are on their way",
    "Try again when others have come in.",
    ("MINI_KAFKA_MAX_BUFFERED_BODY_BYTES",),
)  # fmt: skip
TOO_MANY_STREAMS = ErrorKind(
    "TOO_MANY_STREAMS", HTTPStatus.SERVICE_UNAVAILABLE, "Too many streams are open",
    "Close one, or read with wait_ms= instead.",
    ("MINI_KAFKA_MAX_STREAMS",),
)  # fmt: skip
TOO_MANY_CONNECTIONS = ErrorKind(
    "TOO_MANY_CONNECTIONS", HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections are open",
    "Use connections again instead of opening one for each request. /health is answered all the same.",
    ("MINI_KAFKA_MAX_CONNECTIONS", "MINI_KAFKA_MAX_CONNECTIONS_PER_ADDRESS"),
)  # fmt: skip
UNKNOWN_SERVER_ERROR = ErrorKind(
    "UNKNOWN_SERVER_ERROR", HTTPStatus.INTERNAL_SERVER_ERROR, "The broker failed",
    "This is a bug: the broker's log has the traceback.",
)  # fmt: skip

_UNKNOWN_TOPIC_OR_PARTITION = ErrorKind(
    "UNKNOWN_TOPIC_OR_PARTITION", HTTPStatus.NOT_FOUND, "The topic or the partition does not exist",
    "Create the topic with POST /topics/register or PUT /v1/topics/NAME; the detail says which partitions it has."
    " A produce under /v1 creates a missing topic, where the broker allows it.",
    ("MINI_KAFKA_AUTO_CREATE_TOPICS_ENABLE",),
)  # fmt: skip

_KAFKA_CLIENT_ERROR = ErrorKind(
    "KAFKA_CLIENT_ERROR", HTTPStatus.CONFLICT, "A Kafka client's call cannot be done",
    "Only the port for Kafka clients answers with it, in Kafka's own codes: over HTTP it is a bug, if it is ever seen.",
)  # fmt: skip
_ONLY_OF_KAFKA_CLIENTS = (
    core.BatchTooLarge, core.CommitMetadataTooLarge, core.CorruptBatch, core.GroupFull, core.GroupIsSubscribed,
    core.IllegalGeneration, core.InconsistentGroupProtocol, core.InvalidBatch,
    core.InvalidSessionTimeout, core.MemberFenced, core.MemberIdRequired, core.OutOfOrderSequence,
    core.RebalanceInProgress, core.RecordsNotDeletable, core.StaleProducerEpoch, core.TimestampOutOfRange,
    core.TransactionsUnsupported, core.UnknownLeaderEpoch, core.UnknownMember, core.UnknownTopicId,
    core.UnsupportedCompression,
)  # fmt: skip

CORE_ERRORS: Mapping[type[core.BrokerError], ErrorKind] = {
    **dict.fromkeys(_ONLY_OF_KAFKA_CLIENTS, _KAFKA_CLIENT_ERROR),
    core.InvalidTopic: ErrorKind(
        "INVALID_TOPIC_EXCEPTION", HTTPStatus.UNPROCESSABLE_ENTITY, "No topic can have this name",
        "Use 1 to 249 letters, digits, '.', '_' or '-'. Names that differ in '.' and '_' alone collide.",
    ),
    core.TopicExists: ErrorKind(
        "TOPIC_ALREADY_EXISTS", HTTPStatus.CONFLICT, "The topic is there, and is not as wished",
        "Show it with GET /v1/topics/NAME, change it with PATCH, or choose another name.",
    ),
    core.UnknownTopic: _UNKNOWN_TOPIC_OR_PARTITION,
    core.UnknownPartition: _UNKNOWN_TOPIC_OR_PARTITION,
    core.InvalidPartitions: ErrorKind(
        "INVALID_PARTITIONS", HTTPStatus.UNPROCESSABLE_ENTITY, "The topic cannot have this number of partitions",
        "The number is 1 or more, and only grows: delete the topic to begin with fewer.",
    ),
    core.InvalidConfig: ErrorKind(
        "INVALID_CONFIG", HTTPStatus.UNPROCESSABLE_ENTITY, "A config's name or value is not allowed",
        "The detail says which names or values are.",
    ),
    core.PartitionLimitReached: ErrorKind(
        "POLICY_VIOLATION", HTTPStatus.TOO_MANY_REQUESTS, "There would be too many partitions",
        "Delete a topic that nobody needs, or raise the limit. It bounds topics too: each has one partition or more.",
        ("MINI_KAFKA_MAX_PARTITIONS",),
    ),
    core.GroupLimitReached: ErrorKind(
        "GROUP_LIMIT_REACHED", HTTPStatus.TOO_MANY_REQUESTS, "There would be too many groups",
        "Use the names of earlier groups or consumers again, delete groups or their topics, or raise the limit.",
        ("MINI_KAFKA_MAX_GROUPS",),
    ),
    core.OffsetLimitReached: ErrorKind(
        "OFFSET_LIMIT_REACHED", HTTPStatus.TOO_MANY_REQUESTS, "There would be too many committed offsets",
        "Delete groups or topics that nobody needs, let groups read topics of fewer partitions, or raise the limit.",
        ("MINI_KAFKA_MAX_COMMITTED_OFFSETS",),
    ),
    core.GroupMemoryReached: ErrorKind(
        "GROUP_MEMORY_REACHED", HTTPStatus.TOO_MANY_REQUESTS, "The groups hold too much memory",
        "Delete groups that nobody needs, use shorter names, or raise the limit.",
        ("MINI_KAFKA_MAX_GROUP_BYTES",),
    ),
    core.MemberLimitReached: ErrorKind(
        "GROUP_MAX_SIZE_REACHED", HTTPStatus.TOO_MANY_REQUESTS, "The group would have too many members",
        "Wait until a member has done its records or ends its call, let it ask for more records at a time, or raise"
        " the limit.",
        ("MINI_KAFKA_GROUP_MAX_SIZE",),
    ),
    core.InvalidGroupName: ErrorKind(
        "INVALID_GROUP_ID", HTTPStatus.UNPROCESSABLE_ENTITY, "No group can have this name here",
        "Give the group another name. A gateway's client takes none with a zero character, and shares no records in one"
        " that begins with white space.",
    ),
    core.GroupNotFound: ErrorKind(
        "GROUP_ID_NOT_FOUND", HTTPStatus.NOT_FOUND, "The group does not exist",
        "A group exists from its first commit or acquire on; GET /v1/groups lists them.",
    ),
    core.GroupNotEmpty: ErrorKind(
        "NON_EMPTY_GROUP", HTTPStatus.CONFLICT, "The group has members at work",
        "Acknowledge their records, release the members, or wait until their locks run out.",
        ("MINI_KAFKA_SHARE_MAX_LOCK_MS",),
    ),
    core.GroupKindConflict: ErrorKind(
        "INCONSISTENT_GROUP_PROTOCOL", HTTPStatus.CONFLICT, "The group is of another kind while it has members",
        "A group is a registered consumer's, or shares its records: use another group, or wait until that has ended.",
    ),
    core.LockHeldElsewhere: ErrorKind(
        "NOT_COORDINATOR", HTTPStatus.MISDIRECTED_REQUEST, "Another gateway holds the lock",
        "Send the request to the gateway that the header Mini-Kafka-Gateway names: a proxy may route by a request's"
        " header of that name. Nothing was settled; what is not acknowledged in time comes back.",
        ("MINI_KAFKA_GATEWAY_NAME",),
    ),
    core.SharedGroupLimitReached: ErrorKind(
        "SHARED_GROUP_LIMIT_REACHED", HTTPStatus.TOO_MANY_REQUESTS, "The gateway shares records of too many groups",
        "Ask another gateway, try again when nobody asks for another group's records here, or raise the limit.",
        ("MINI_KAFKA_CLUSTER_SHARED_GROUPS", "MINI_KAFKA_CLUSTER_SHARE_IDLE"),
    ),
    core.InvalidRecord: ErrorKind(
        "INVALID_RECORD", HTTPStatus.UNPROCESSABLE_ENTITY, "The topic does not take this record",
        "The detail names the record, counted from 0, and why; nothing of the request was appended.",
    ),
    core.InvalidTimestamp: ErrorKind(
        "INVALID_TIMESTAMP", HTTPStatus.UNPROCESSABLE_ENTITY, "The topic does not take this record's time",
        "The detail names the record, counted from 0, and its time; nothing of the request was appended. Send"
        " milliseconds since 1970 near the broker's time, or change the topic's message.timestamp.before.max.ms or"
        " message.timestamp.after.max.ms.",
        ("MINI_KAFKA_LOG_MESSAGE_TIMESTAMP_BEFORE_MAX_MS", "MINI_KAFKA_LOG_MESSAGE_TIMESTAMP_AFTER_MAX_MS"),
    ),
    core.RecordTooLarge: ErrorKind(
        "MESSAGE_TOO_LARGE", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "A record is too large",
        "Send a smaller record, or raise the topic's config max.message.bytes; nothing of the request was appended.",
        ("MINI_KAFKA_MESSAGE_MAX_BYTES",),
    ),
    core.SequenceGap: ErrorKind(
        "OUT_OF_ORDER_SEQUENCE_NUMBER", HTTPStatus.CONFLICT, "The producer's request is out of its order",
        "Send the requests in the order of Producer-Seq, or begin again at 0 with a higher Producer-Epoch.",
    ),
    core.ProducerFenced: ErrorKind(
        "INVALID_PRODUCER_EPOCH", HTTPStatus.FORBIDDEN, "Another instance of the producer has taken its place",
        "Stop, or take a higher Producer-Epoch.",
    ),
    core.OffsetOutOfRange: ErrorKind(
        "OFFSET_OUT_OF_RANGE", HTTPStatus.GONE, "The offset is outside the log",
        "The records there have been dropped by retention: begin anew with from=earliest or from=latest.",
        ("MINI_KAFKA_LOG_RETENTION_MS", "MINI_KAFKA_LOG_RETENTION_BYTES"),
    ),
    core.UnknownConsumer: ErrorKind(
        "UNKNOWN_MEMBER_ID", HTTPStatus.NOT_FOUND, "The consumer is not registered",
        "Register it with POST /consumers/register; a restart of the broker forgets it.",
    ),
    core.MemoryLimitReached: ErrorKind(
        "THROTTLING_QUOTA_EXCEEDED", HTTPStatus.TOO_MANY_REQUESTS, "The log's memory is full",
        "Try again when retention has dropped something, shorten the topics' retention, or raise the limit. Reading"
        " goes on.",
        ("MINI_KAFKA_MEMORY_LIMIT", "MINI_KAFKA_LOG_RETENTION_MS", "MINI_KAFKA_LOG_RETENTION_BYTES"),
    ),
    core.ProduceQueueFull: ErrorKind(
        "PRODUCE_QUEUE_FULL", HTTPStatus.TOO_MANY_REQUESTS, "Too many records wait for the Kafka cluster",
        "Try again when the cluster has taken some, send less at a time, or raise the limit. Nothing was appended.",
        ("MINI_KAFKA_CLUSTER_QUEUE_BYTES",),
    ),
    core.ClusterUnavailable: ErrorKind(
        "CLUSTER_NOT_AVAILABLE", HTTPStatus.SERVICE_UNAVAILABLE, "The Kafka cluster does not answer",
        "Try again: all heals by itself when the cluster is back, or lets the gateway in again. /readyz says why it is"
        " away. Records of a produce may have been appended, so a retry may append them a second time.",
        ("MINI_KAFKA_BOOTSTRAP_SERVERS", "MINI_KAFKA_CLUSTER_TIMEOUT", "MINI_KAFKA_SECURITY_PROTOCOL"),
    ),
    core.ClusterDenied: ErrorKind(
        "CLUSTER_AUTHORIZATION_FAILED", HTTPStatus.FORBIDDEN, "The Kafka cluster does not let the gateway do this",
        "The gateway's user lacks a right in the cluster: the detail says for what. To try again helps when it has the"
        " right, and nothing has to be started again. A user that the cluster does not let in at all is 503"
        " CLUSTER_NOT_AVAILABLE instead.",
        ("MINI_KAFKA_SASL_USERNAME", "MINI_KAFKA_SSL_CERTIFICATE_FILE"),
    ),
    core.ClusterRefused: ErrorKind(
        "CLUSTER_REFUSED", HTTPStatus.BAD_GATEWAY, "The Kafka cluster refused what was asked for",
        "The detail has the cluster's reason.",
    ),
    core.PartlyAppended: ErrorKind(
        "PARTLY_APPENDED", HTTPStatus.BAD_GATEWAY, "The Kafka cluster took a part of the records",
        "The body's `records` have a place for each record that was appended, and null for the others: send those"
        " again; one whose answer was lost may then be there twice. They come behind those that were appended.",
        ("MINI_KAFKA_CLUSTER_TIMEOUT",),
    ),
    core.NotOnCluster: ErrorKind(
        "NOT_ON_CLUSTER", HTTPStatus.NOT_IMPLEMENTED, "A Kafka cluster cannot do this",
        "The broker is a gateway to a Kafka cluster, which has no such thing: the detail says what, and docs/scaling.md"
        " lists all of it.",
        ("MINI_KAFKA_ENGINE",),
    ),
    core.BrokerStopping: ErrorKind(
        "BROKER_NOT_AVAILABLE", HTTPStatus.SERVICE_UNAVAILABLE, "The broker is stopping",
        "Try again when it has started again; topics and offsets in RAM are gone by then.",
    ),
}  # fmt: skip
"""What a refusal of the core is over HTTP. A second listener has such a table of its own, from class to its codes."""

_REQUEST_ERRORS = (
    INVALID_REQUEST, MALFORMED_REQUEST, CROSS_SITE_REQUEST, PATH_NOT_FOUND, OFFSET_NOT_AVAILABLE, METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE, REQUEST_TIMED_OUT, TOKEN_OF_ANOTHER_LOG, NO_RECORD_AT_OFFSET, CORRUPT_MESSAGE, BODY_TOO_LARGE,
    RECORD_LIST_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, UNSUPPORTED_CONTENT_ENCODING, MISDIRECTED_REQUEST, HEAD_TOO_LARGE,
    TOO_MANY_PIPELINED, TOO_MANY_BODIES, TOO_MANY_STREAMS, TOO_MANY_CONNECTIONS, UNKNOWN_SERVER_ERROR,
)  # fmt: skip

KINDS: Mapping[str, ErrorKind] = {
    kind.code: kind
    for kind in sorted({*_REQUEST_ERRORS, *CORE_ERRORS.values()}, key=lambda kind: (kind.status, kind.code))
}
"""Every kind by its code, in the order of the statuses."""
