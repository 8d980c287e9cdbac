"""How many connections the process takes, over all of its listeners: each costs an open file and some memory.

Past the limit a small reserve is still let in, so that whoever watches the broker finds out that it is alive, and not
only that it does not answer. What a listener does with a connection in the reserve is its own affair.
"""

from collections import Counter
from enum import Enum, auto

RESERVE = 64
"""Connections past the limit that are answered in a word: enough for every health check of a machine at once."""


class Admission(Enum):
    """What becomes of a new connection."""

    SERVED = auto()
    RESERVE = auto()
    """It is past the limit: say so, and close it."""
    CLOSED = auto()
    """The reserve is full too: close it at once."""


class ConnectionLimit:
    """Counts connections, in all and by address, against two limits; 0 is no limit for an address."""

    def __init__(self, limit: int, per_address: int = 0) -> None:
        self.limit = limit
        self.per_address = per_address
        self.served = 0
        self.in_reserve = 0
        self._by_address: Counter[str] = Counter()

    def admit(self, address: str) -> Admission:
        """Count a new connection, unless there is no place for it at all; `leave` counts it out again."""
        if self.served < self.limit and not self.is_full_for(address):
            self.served += 1
            if self.per_address:
                self._by_address[address] += 1
            return Admission.SERVED
        if self.in_reserve < RESERVE:
            self.in_reserve += 1
            return Admission.RESERVE
        return Admission.CLOSED

    def is_full_for(self, address: str) -> bool:
        """Tell whether one address alone has as many connections as it may."""
        return bool(self.per_address) and self._by_address[address] >= self.per_address

    def leave(self, address: str, admission: Admission) -> None:
        """Count a connection out that was let in as `admission` says."""
        if admission is Admission.RESERVE:
            self.in_reserve -= 1
        elif admission is Admission.SERVED:
            self.served -= 1
            if self.per_address:
                self._by_address[address] -= 1
                if not self._by_address[address]:
                    del self._by_address[address]
