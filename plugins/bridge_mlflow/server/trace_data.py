"""The spans of a trace that MLflow's own store has in its tables."""

from __future__ import annotations

import asyncio
import json
from contextvars import copy_context
from typing import Any

from starlette.responses import Response

from bridge.errors import NotFound
from bridge.server.files.contents import HEADERS
from bridge.server.routes import Call
from bridge_mlflow.server.environment import import_quietly

DATA_FILE = "traces.json"
"""The artifact that contains the spans of a trace, unless they are in MLflow's tables."""


async def stored_trace(call: Call, trace_id: str) -> Response:
    """Return an answer with the spans of a trace as a file.

    Raises:
        NotFound: the store has no spans of the trace.
    """
    content = await asyncio.get_running_loop().run_in_executor(
        call.workspace.served.read_threads, copy_context().run, _spans, call.workspace.stores, trace_id
    )
    headers = {**HEADERS, "Content-Disposition": f"attachment; filename={DATA_FILE}"}
    return Response(content, 200, headers, "application/octet-stream")


def _spans(stores: Any, trace_id: str) -> bytes:
    import_quietly()
    # Imported here, because MLflow takes seconds to load, and most requests do not need it.
    from mlflow.exceptions import MlflowException

    from bridge_mlflow.companion import Companion

    try:
        trace = Companion.of(stores).call("get_trace", trace_id, allow_partial=True)
    except MlflowException as error:
        raise NotFound("artifact", DATA_FILE, f"trace {trace_id} has no spans") from error
    return json.dumps(trace.data.to_dict()).encode()
