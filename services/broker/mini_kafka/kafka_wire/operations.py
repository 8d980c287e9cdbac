"""What a caller may do, as Kafka writes it: a bit for each `AclOperation` (KIP-430). There are no access rights yet."""

from functools import reduce

_CODES = {
    "READ": 3, "WRITE": 4, "CREATE": 5, "DELETE": 6, "ALTER": 7, "DESCRIBE": 8, "CLUSTER_ACTION": 9,
    "DESCRIBE_CONFIGS": 10, "ALTER_CONFIGS": 11, "IDEMPOTENT_WRITE": 12,
}  # fmt: skip


def _bits(*operations: str) -> int:
    return reduce(lambda bits, operation: bits | 1 << _CODES[operation], operations, 0)


TOPIC_OPERATIONS = _bits(
    "READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"
)  # fmt: skip
CLUSTER_OPERATIONS = _bits(
    "CREATE", "ALTER", "DESCRIBE", "CLUSTER_ACTION", "DESCRIBE_CONFIGS", "ALTER_CONFIGS", "IDEMPOTENT_WRITE"
)
GROUP_OPERATIONS = _bits("READ", "DELETE", "DESCRIBE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS")
