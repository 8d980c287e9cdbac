"""Which partition a record goes to when its producer names none: Kafka's default rule.

A key's murmur2 hash decides, so that equal keys meet in one partition, and in the same one as with the Java
client (BuiltInPartitioner). Records without a key take the partition that their request has been given.
"""

from aiokafka.partitioner import murmur2


def partition_for_key(key: bytes, partitions: int) -> int:
    """Give the partition of a key among `partitions` of them."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
