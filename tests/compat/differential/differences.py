"""Where the two brokers may differ, and why: everything else has to be the same."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """A place in the answers, as a pattern for `SCRIPT: STEP: PATH`, and the reason why it may differ."""

    place: str
    reason: str


ALLOWED = (
    Difference(r"error_message$", "a refusal says in our own words what to do, and Kafka often says nothing"),
    Difference(r"batch_index_error_message$", "the same for single records"),
    Difference(
        r"^produce .*log_start_offset$",
        "of a refused batch Kafka tells the log start offset after some refusals and -1 after others; here it is -1",
    ),
    Difference(
        r"^produce batches: an unknown codec: error_code$",
        "Kafka fails with UNKNOWN_SERVER_ERROR; UNSUPPORTED_COMPRESSION_TYPE says what it is",
    ),
    Difference(
        r"^produce times: a header that lies about the future",
        "Kafka reads every record and mends the header; here a batch is opaque, and its header is believed",
    ),
    Difference(
        r"^produce times: .*record_errors$",
        "Kafka names the records that are too old or too new; an opaque batch is refused as a whole",
    ),
    Difference(
        r"^fetch: .*aborted_transactions$",
        "where Kafka did not come to a log it says that no transaction was aborted to those who did not ask, too",
    ),
    Difference(
        r"^fetch sessions: .*aborted_transactions$",
        "the same within sessions",
    ),
    Difference(r"^fetch: two batches of it: .*records", "Kafka cuts the last batch; here all of them are whole"),
    Difference(r"log_dir$|total_bytes$|usable_bytes$", "the log lies in memory, and there is no directory"),
    Difference(
        r"^create topics: .*only checked: topic_id$",
        "Kafka makes up an id for a topic that is not made; here it has none",
    ),
    Difference(
        r"^(create topics|describe configs): .*min.insync.replicas: (config_source|synonyms)$",
        "Kafka's controller sets it for the whole cluster as it starts; here it has no effect",
    ),
    Difference(
        r"^describe configs: the broker: .*configs: (?!message\.max\.bytes|log\.(?!cleaner\.))\S+: read_only$",
        "what Kafka changes while it runs can be changed if it has an effect here: the defaults of topics",
    ),
    Difference(
        r"^describe configs: the broker: .*configs: (listeners|advertised.listeners|broker.id|process.roles|log.dirs|"
        r"controller\..*|offsets.topic\..*|transaction.state.log\..*|share.coordinator\..*|node.id|num.io.threads|"
        r"group.initial.rebalance.delay.ms): (value|config_source|synonyms.*)$",
        "how the asked Kafka was installed: addresses, a directory, a controller, and topics with one replica",
    ),
    Difference(
        r"^describe configs: the broker: .*configs: (group.max.size|queued.max.request.bytes): "
        r"(value|synonyms: value)$",
        "every limit of this broker is a number that a laptop can bear",
    ),
    Difference(
        r"^(broker )?config values: compression.type '(gzip|lz4|snappy|zstd|uncompressed)'( of .*error_code)?$",
        "batches stay as they came: a promise to compress them again would not be kept",
    ),
    Difference(r"^config values: retention.bytes '-2'$", "-1 is the one way to say that there is no limit"),
    Difference(
        r"^broker config values: log.retention.ms '(0|-2)' of .*error_code$",
        "the default of all topics takes what a topic's retention.ms takes, in Kafka too",
    ),
    Difference(
        r"^broker config values: operation [23] of log.retention.ms of .*error_code$",
        "whatever a broker's config cannot be is INVALID_REQUEST; Kafka has INVALID_CONFIG for operations of lists",
    ),
    Difference(
        r"^config values: min.cleanable.dirty.ratio '(NaN|0.5d)'$",
        "Kafka takes what Java reads as a number; here it is one between 0 and 1",
    ),
    Difference(
        r"^incremental alter configs: operation (4|-1)[ ,].*error_code$|"
        r"^metadata: neither in version 1[23]: .*error_code$|"
        r"^describe topic partitions: the name ''",
        "Kafka fails with UNKNOWN_SERVER_ERROR; the answer says what is wrong with the request",
    ),
    Difference(
        r"^(incremental )?alter configs: no.such of the broker '1?': error_code$|"
        r"^alter configs: the broker '' without changes: error_code$",
        "Kafka keeps configs of a broker that it does not know, for plug-ins; here nothing is taken without an effect",
    ),
    Difference(r"^api versions: .*api_keys: \d+$", "SKIPPED.md says which APIs are not answered, and why"),
    Difference(
        r"^api versions: .*_features: (group|kraft|share|streams|transaction|eligible.leader.replicas)\.version$",
        "a feature is named if what it stands for is here; the others are at level 0",
    ),
    Difference(
        r"^describe configs: a topic twice: results$",
        "Kafka repeats the answer; here it is given once, or one request could make an answer of gigabytes",
    ),
    Difference(
        r"^groups joins that are refused: what is there: groups: (error_code|group_state)$",
        "Kafka keeps an empty group for a while after a refused join; here bad names must not use up the groups",
    ),
    Difference(r"^api versions: .*finalized_features_epoch$", "there is no metadata log whose offset it could be"),
    Difference(r"quorum.*(high_watermark|log_end_offset|leader_epoch)$", "there is no metadata log"),
)

BOUNDED = (
    "Ids that are given out to new members (KIP-394): as many of a group as `group.max.size`, then"
    " GROUP_MAX_SIZE_REACHED. Where there are as many groups as may be, the oldest that only gave ids out goes.",
    "What groups hold of names, subscriptions, assignments and texts: `MINI_KAFKA_MAX_GROUP_BYTES`, then"
    " GROUP_MAX_SIZE_REACHED.",
    "Requests on their way, together: `queued.max.request.bytes`, which is unset in Kafka.",
    "Array elements of one request, nested ones included: `MINI_KAFKA_MAX_REQUEST_ELEMENTS`, then the connection ends.",
    "Silence in the middle of a request, and an answer that is not read: `MINI_KAFKA_STALL_TIMEOUT`, then the"
    " connection ends. Kafka waits for `connections.max.idle.ms`.",
    "Who names a group or a producer's partition twice in a request that describes it is answered once, as above.",
    "A connection whose fetch waits is not idle here; Kafka closes it after `connections.max.idle.ms`.",
)
"""What scripts do not show: bounds that Kafka does not have, or has elsewhere."""


def differences(script: str, ours: Any, theirs: Any) -> Iterator[str]:
    """List the places where answers differ although they may not."""
    for place, mine, other in _compare(script, ours, theirs):
        if not any(re.search(allowed.place, place) for allowed in ALLOWED):
            yield f"{place}: Mini Kafka says {mine!r}, Apache Kafka {other!r}"


def _compare(place: str, ours: Any, theirs: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for field in ours.keys() | theirs.keys():
            yield from _compare(f"{place}: {field}", ours.get(field), theirs.get(field))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for mine, other in zip(ours, theirs, strict=True):
            yield from _compare(place, mine, other)
    elif ours != theirs:
        yield place, ours, theirs
