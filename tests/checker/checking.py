"""The verdict: which rules a history breaks, and with what.

Every rule takes time in proportion to the history, or to sort it. A rule may pass a history that a broken broker could
have made; it never condemns one that a correct broker could have made.
"""

from collections.abc import Iterator

from tests.checker import group_rules, log_rules, share_commit_rules, share_rules
from tests.checker.history import History
from tests.checker.known_log import KnownLog
from tests.checker.violations import Violation


def check(history: History) -> list[Violation]:
    """Give every violation that can be found, in no order that means anything."""
    return list(_violations(history))


def _violations(history: History) -> Iterator[Violation]:
    log = KnownLog(history)
    yield from log.violations
    yield from log_rules.one_offset(log)
    yield from log_rules.order(log)
    yield from log_rules.ends(log)
    yield from log_rules.dense(log)
    yield from share_rules.one_holder(history)
    yield from share_rules.finished(history, log)
    yield from share_commit_rules.done(history, log)
    yield from group_rules.one_owner(history)
    yield from group_rules.committed(history)
