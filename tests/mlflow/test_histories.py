"""In every history of calls both stores return the same and store the same."""

from __future__ import annotations

import pytest
from histories import Histories
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from longer import SCALE
from pair import Pair

HISTORIES, STEPS = 15, 50


@pytest.mark.slow
@pytest.mark.rules
@pytest.mark.timeout(900 * SCALE)
@pytest.mark.filterwarnings("ignore:Column 'tags.key' is marked as a member of the primary key")
def test_both_stores_answer_every_history_of_calls_equally(pair: Pair) -> None:
    class OfThisPair(Histories):
        pass

    OfThisPair.pair = pair
    run_state_machine_as_test(
        OfThisPair,
        settings=settings(
            max_examples=HISTORIES * SCALE,
            stateful_step_count=STEPS,
            derandomize=SCALE == 1,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert pair.steps >= 600 * SCALE  # a history ends early if no rule applies
