"""A broker process that breaks a rule: `python -m tests.checker.mutated_broker MUTANT FLAGS…`, else as `mini-kafka`."""

import sys

import pytest

from mini_kafka.__main__ import main
from tests.checker.cluster_mutants import CLUSTER_MUTANTS, breaks_every_cluster_rule
from tests.checker.kafka_mutants import breaks_every_rule
from tests.checker.mutants import MUTANTS

EVERY = {*MUTANTS, *CLUSTER_MUTANTS, breaks_every_rule, breaks_every_cluster_rule}

if __name__ == "__main__":
    name = sys.argv.pop(1)
    [mutant] = [one for one in EVERY if one.__name__ == name]
    mutant(pytest.MonkeyPatch())
    sys.exit(main())
