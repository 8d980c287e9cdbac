"""What a consumer group may be: Kafka's configs of the group coordinator, in milliseconds, members and characters."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """The limits that all consumer groups have in common; the defaults are Kafka's, but for the delay.

    Kafka waits three seconds for the members of a new group; here a test waits for them, so there is no delay.
    """

    initial_rebalance_delay_ms: int = 0
    min_session_timeout_ms: int = 6_000
    max_session_timeout_ms: int = 1_800_000
    max_size: int = 2**31 - 1
    offsets_retention_ms: int = 7 * 24 * 3_600_000
    offset_metadata_max_size: int = 4096
    memory_bytes: int = 64 * 1024 * 1024
    """What all groups together hold of names, of what members say, and of what is assigned to them or committed."""
