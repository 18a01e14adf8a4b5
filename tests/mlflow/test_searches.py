"""For every search, valid or not, both stores return the same in the same order, or raise the same error."""

from __future__ import annotations

import pytest
import searches
from deviations import DEVIATIONS
from hypothesis import HealthCheck, given, settings
from longer import SCALE
from pair import Pair


@pytest.mark.slow
@pytest.mark.rules
@pytest.mark.timeout(900 * SCALE)
def test_every_search_has_the_same_results(pair: Pair) -> None:
    with pair.same_chance():
        runs, experiments = searches.fill(pair)
        found: list[int] = []

        @settings(
            max_examples=600 * SCALE, derandomize=SCALE == 1, deadline=None, suppress_health_check=list(HealthCheck)
        )
        @given(drawn=searches.searches)
        def search(drawn: searches.Search) -> None:
            found.append(searches.search(pair, runs, experiments, drawn))

        search()
        for line, example in searches.KNOWN_EXAMPLES.items():
            pair.deviations.clear()
            searches.search(pair, runs, experiments, example)
            assert pair.deviations == {f"searches/{line}"}, f"{line} no longer differs, take it out of deviations.toml"
    assert len(found) >= 500 * SCALE
    assert sum(count > 0 for count in found) >= len(found) / 5
    assert set(searches.KNOWN_EXAMPLES) == set(DEVIATIONS["searches"])


@pytest.mark.slow
@pytest.mark.rules
def test_every_pattern_has_the_same_matches(pair: Pair) -> None:
    with pair.same_chance():
        runs, experiments = searches.fill(pair)
        assert sum(searches.search(pair, runs, experiments, drawn) for drawn in searches.PATTERN_SEARCHES) > 100


def test_a_value_with_both_kinds_of_quotes_is_found_by_two_patterns(pair: Pair) -> None:
    """No text can be equal to it: in a text, two quotes are two characters. The page writes these patterns."""
    values = ['it\'s "x"', "it''s", 'it-s "x"', "it's -x-"]
    filters = ['tags.t LIKE \'it_s "x"\' and tags.t LIKE "it\'s _x_"', "tags.t = 'it''s'", "tags.t = 'it''s \"x\"'"]
    for side in (pair.theirs, pair.ours):
        for value in values:
            side.client.create_run("0", tags={"t": value})
        found = [[run.data.tags["t"] for run in side.client.search_runs(["0"], text)] for text in filters]
        assert found == [[values[0]], [values[1]], []]
