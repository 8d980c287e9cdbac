"""Equal keys meet where the Java client would put them."""

import pytest

from mini_kafka.core.partitioner import murmur2, partition_for_key

# org.apache.kafka.common.utils.Utils.murmur2 and BuiltInPartitioner.partitionForKey of kafka-clients 4.3.1 said:
# key, murmur2, and the partition among 1, 2, 3, 7, 12 and 50.
FROM_JAVA = [
    (b"", 275646681, (0, 1, 0, 2, 9, 31)),
    (b"a", -1563381124, (0, 0, 1, 5, 4, 24)),
    (b"ab", 316155434, (0, 0, 2, 0, 2, 34)),
    (b"abc", 479470107, (0, 1, 0, 4, 3, 7)),
    (b"abcd", -1323649548, (0, 0, 2, 5, 8, 0)),
    (b"abcde", 461995741, (0, 1, 1, 4, 1, 41)),
    (b"21", -973932308, (0, 0, 0, 3, 0, 40)),
    (b"foobar", -790332482, (0, 0, 0, 0, 6, 16)),
    (b"customer-42", -542987495, (0, 1, 0, 1, 9, 3)),
    (b"a-little-bit-long-string", -985981536, (0, 0, 2, 1, 8, 12)),
    (b"a-little-bit-longer-string", -1486304829, (0, 1, 2, 0, 11, 19)),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971, (0, 1, 2, 3, 5, 27)),
    ("Grüße".encode(), 1190824359, (0, 1, 0, 4, 3, 9)),
    ("日本語".encode(), 1431860170, (0, 0, 1, 6, 10, 20)),
    ("🦀".encode(), 1309741855, (0, 1, 1, 2, 7, 5)),
    (b"\x00", 375494588, (0, 0, 2, 0, 8, 38)),
    (b"\xff", -311467685, (0, 1, 0, 5, 3, 13)),
    (b"\x80" * 3, -1134684817, (0, 1, 1, 2, 7, 31)),
    (b"\xff" * 4, 644171429, (0, 1, 2, 6, 5, 29)),
    (b"\xff" * 5, -363838622, (0, 0, 0, 2, 6, 26)),
    (bytes(range(256)), -1948347274, (0, 0, 1, 3, 10, 24)),
    (b"x" * 1000, -1068453602, (0, 0, 0, 3, 6, 46)),
]


@pytest.mark.parametrize(("key", "expected", "partitions"), FROM_JAVA, ids=lambda value: repr(value)[:20])
def test_a_key_goes_where_the_java_client_sends_it(key: bytes, expected: int, partitions: tuple[int, ...]) -> None:
    assert murmur2(key) == expected & 0xFFFFFFFF
    assert tuple(partition_for_key(key, count) for count in (1, 2, 3, 7, 12, 50)) == partitions
