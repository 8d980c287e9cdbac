"""What tests of a share partition share: acquire without ceremony, and locks of one record each."""

from mini_kafka.core.share_partition import Lock, SharePartition, Stretch

ALL = 1000
LOCK_MS = 30_000


def new(share: SharePartition, records: int, *, now_ms: int = 0, member: str | None = None) -> Lock:
    """Acquire so many records that the log holds from the next offset on; give their lock."""
    base = share.next_offset
    stretch = Stretch(base, base + records, range(base, base + records))
    (acquired,) = share.acquire_new(now_ms, stretch, records, LOCK_MS, member)
    return acquired.lock


def again(share: SharePartition, *, now_ms: int = 0, max_records: int = ALL) -> list[tuple[int, int]]:
    """Acquire what came back; give each record's offset and its delivery count."""
    acquired = share.acquire_available(now_ms, max_records, LOCK_MS)
    return [
        (offset, part.delivery_count)
        for part in acquired
        for offset in range(part.lock.base_offset, part.lock.end_offset)
    ]


def only(lock: Lock, offset: int) -> Lock:
    """Give one record's part of a lock."""
    return Lock(offset, offset + 1, lock.acquisition)


def each(lock: Lock) -> list[Lock]:
    """Give a lock record by record."""
    return [only(lock, offset) for offset in range(lock.base_offset, lock.end_offset)]
