"""GraphQL: only queries of the form that MLflow's user interface sends reach MLflow's application."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp

from bridge.errors import InvalidValue
from bridge.server.routes import Call, Endpoint
from bridge_mlflow.server.application import Application, Forwarded, switched_off

if TYPE_CHECKING:
    from graphql import SelectionSetNode

QUERY_BYTES, TOKENS = 16_384, 1_000
FIELDS = frozenset(
    {
        "mlflowGetExperiment",
        "mlflowGetMetricHistoryBulkInterval",
        "mlflowGetRun",
        "mlflowSearchDatasets",
        "mlflowSearchRuns",
    }
)
"""The root fields that the user interface asks for. All of them only read, also those of a mutation.

Source: MLflow 3.17.2, the scripts in `mlflow/server/js/build`.
"""


def graph_endpoint(application: Application) -> Endpoint:
    """Return the endpoint that checks a query, and passes it to MLflow's application."""

    async def answer(call: Call) -> ASGIApp:
        if application.is_off:
            return switched_off()
        body = await call.body()
        await asyncio.to_thread(check_body, body)
        return Forwarded((await application.loaded()).application, "/graphql", body)

    return answer


def check_body(body: bytes) -> None:
    """Check the body of a request.

    Raises:
        InvalidValue: the body is not JSON with a query, or the user interface sends no query of this form.
    """
    try:
        query = json.loads(body)["query"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidValue("body", f"<{len(body)} bytes>", "must be a JSON object with a query") from None
    if not isinstance(query, str) or len(query) > QUERY_BYTES:
        raise InvalidValue("query", f"<{type(query).__name__}>", f"must be text of at most {QUERY_BYTES} characters")
    check_query(query)


def check_query(query: str) -> None:
    """Check a query: one operation with one of the root fields, without aliases, fragments and repeated fields.

    Without these, the work for a query is bounded by the schema.

    Raises:
        InvalidValue: the query has another form.
    """
    from graphql import GraphQLError, OperationDefinitionNode, parse

    try:
        definitions = parse(query, no_location=True, max_tokens=TOKENS).definitions
    except (GraphQLError, RecursionError) as error:
        raise InvalidValue("query", query, f"must be a GraphQL query ({type(error).__name__})") from None
    operation = definitions[0]
    if len(definitions) != 1 or not isinstance(operation, OperationDefinitionNode):
        raise InvalidValue("query", query, "must have one operation and no fragments")
    if {one.name.value for one in operation.directives} - {"component"}:
        raise InvalidValue("query", query, "must have no directives")
    roots = names_of(operation.selection_set, query) - {"__typename"}
    if len(roots) != 1 or not roots <= FIELDS:
        raise InvalidValue("query", query, f"must ask for one of {', '.join(sorted(FIELDS))}")


def names_of(selected: SelectionSetNode | None, query: str) -> set[str]:
    """Return the names of the fields of a selection, after a check of all fields below it.

    Raises:
        InvalidValue: a selection has another form than a list of different fields.
    """
    fields: list[Any] = list(selected.selections) if selected else []
    for field in fields:
        if field.kind != "field" or field.alias or field.directives:
            raise InvalidValue("query", query, "must have no aliases, fragments and directives")
        names_of(field.selection_set, query)
    names = {str(field.name.value) for field in fields}
    if len(names) < len(fields) or any(name.startswith("__") and name != "__typename" for name in names):
        raise InvalidValue("query", query, "must name each field once, and no field of the schema itself")
    return names
