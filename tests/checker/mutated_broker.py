"""A broker process that breaks a rule: `python -m tests.checker.mutated_broker MUTANT FLAGS…`, else as `mini-kafka`."""

import sys

import pytest

from mini_kafka.__main__ import main
from tests.checker.mutants import MUTANTS

if __name__ == "__main__":
    name = sys.argv.pop(1)
    [mutant] = [one for one in MUTANTS if one.__name__ == name]
    mutant(pytest.MonkeyPatch())
    sys.exit(main())
