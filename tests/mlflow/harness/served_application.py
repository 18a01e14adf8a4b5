"""MLflow's own server in a thread of this process."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from werkzeug.serving import make_server

with warnings.catch_warnings():  # from the libraries that MLflow's server uses
    warnings.simplefilter("ignore")
    import mlflow.server
    from mlflow.server import auth, handlers  # noqa: F401  # the first search imports `auth`


@contextmanager
def mlflow_application(uri: str, folder: Path) -> Iterator[str]:
    """Serve the application of MLflow's server in a thread, and yield its address.

    Args:
        uri: MLflow's own database.
        folder: the folder below which the artifacts are stored.
    """
    environment = {
        "_MLFLOW_SERVER_FILE_STORE": uri,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"{folder}/artifacts",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    }
    with mock.patch.dict(os.environ, environment):
        store = handlers._tracking_store_registry.get_store(uri, "mlflow-artifacts:/")
        with mock.patch.multiple(handlers, _tracking_store=store, _model_registry_store=None, _artifact_repo=None):
            server = make_server("127.0.0.1", 0, mlflow.server.app, threaded=True)
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.port}"
            finally:
                server.shutdown()
                thread.join()
                server.server_close()
