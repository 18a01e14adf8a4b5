"""Views that persons keep: with a name in an experiment, or with a short address."""

from __future__ import annotations

import base64
import hashlib

from starlette.responses import Response

from bridge.errors import InvalidValue, NotFound
from bridge.records.search import Comparison, ExperimentQuery
from bridge.server.portal.answers import json_answer
from bridge.server.portal.ask import Ask

NAMED, SHORT = "runbridge.view.", "runbridge.short."
"""The starts of the keys of the experiment tags that contain views."""

MOST_STATE, MOST_SHORT, MOST_NAME = 5_000, 60_000, 200
"""The greatest lengths of the state of a view with a name and of one with a short address, and of a name."""


def get_views(ask: Ask) -> Response:
    """Answer with the views of an experiment, sorted by name."""
    tags = ask.experiment().tags
    views = sorted((key.removeprefix(NAMED), state or "") for key, state in tags.items() if key.startswith(NAMED))
    return json_answer(ask, {"views": [{"name": name, "state": state} for name, state in views]})


def get_view(ask: Ask) -> Response:
    """Answer with a view of an experiment."""
    name = ask.path["name"]
    state = ask.experiment().tags.get(NAMED + name)
    if state is None:
        raise NotFound("view", name)
    return json_answer(ask, {"name": name, "state": state})


def put_view(ask: Ask) -> Response:
    """Keep a view of an experiment under a name. It replaces another one with the name."""
    name, experiment = ask.path["name"], ask.experiment()
    if not name.strip() or len(name) > MOST_NAME:
        raise InvalidValue("view", name, f"must have a name of 1 to {MOST_NAME} characters")
    ask.tracking.set_experiment_tags(experiment.id, {NAMED + name: _state(ask, MOST_STATE)})
    return get_view(ask)


def delete_view(ask: Ask) -> Response:
    """Remove a view of an experiment."""
    name, experiment = ask.path["name"], ask.experiment()
    if NAMED + name not in experiment.tags:
        raise NotFound("view", name)
    ask.tracking.set_experiment_tags(experiment.id, {}, (NAMED + name,))
    return json_answer(ask, {"name": name})


def post_short(ask: Ask) -> Response:
    """Keep a state that is too long for an address, and answer with its id of 8 characters.

    `experiment` of the body is the experiment to which it belongs; if it is absent, the first one. The same state has
    the same id.
    """
    state, wanted = _state(ask, MOST_SHORT), ask.json().get("experiment")
    if wanted is None:
        listed = ask.tracking.search_experiments(ExperimentQuery(max_results=1)).items
        if not listed:
            raise NotFound("experiment", "", "create one to keep a view")
        wanted = listed[0].id
    id = base64.b32encode(hashlib.blake2b(state.encode(errors="replace"), digest_size=5).digest()).decode().lower()
    ask.tracking.set_experiment_tags(str(wanted), {SHORT + id: state})
    return json_answer(ask, {"id": id})


def get_short(ask: Ask) -> Response:
    """Answer with the state that `post_short` kept."""
    id = ask.path["id"]
    query = ExperimentQuery((Comparison("tag", SHORT + id, "IS NOT NULL"),), view="all", max_results=1)
    for record in ask.tracking.search_experiments(query).items:
        return json_answer(ask, {"id": id, "state": record.tags[SHORT + id]})
    raise NotFound("view", id)


def _state(ask: Ask, most: int) -> str:
    state = ask.json().get("state")
    if not isinstance(state, str) or len(state) > most:
        raise InvalidValue("state", type(state).__name__, f"must be text of at most {most} characters")
    return state
