"""The checker finds a breach of each rule in what workers see of a broker that breaks it, and none in a good one's."""

import pytest

from tests.checker.checking import check
from tests.checker.in_process_run import InProcessRun
from tests.checker.kafka_mutants import KAFKA_MUTANTS
from tests.checker.mutants import MUTANTS, Patch
from tests.checker.violations import Rule

STEPS = 200
SEEDS = range(8)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_broker_that_keeps_its_word_is_not_condemned(seed: int) -> None:
    assert check(InProcessRun(seed)(STEPS)) == []


@pytest.mark.parametrize(("mutant", "rule"), MUTANTS.items(), ids=[one.__name__ for one in MUTANTS])
def test_a_broker_that_breaks_a_rule_is_found_out(mutant: Patch, rule: Rule) -> None:
    for seed in SEEDS:  # a bug that shows now and then may stay hidden in one run
        with pytest.MonkeyPatch.context() as patch:
            mutant(patch)
            history = InProcessRun(seed)(STEPS)
        if rule in {violation.rule for violation in check(history)}:
            return
    raise AssertionError(f"no run shows that {rule}")


def test_every_rule_has_a_mutant() -> None:
    assert {*MUTANTS.values(), *KAFKA_MUTANTS.values()} == set(Rule)
