"""`azureml.exceptions` on Runbridge: other names of our errors.

Each name refers to the error that Runbridge raises in place of the SDK's error of this name. If Runbridge raises
several errors in its place, the name refers to their common base. So the `except` clauses of existing scripts catch our
errors.
"""

from bridge.errors import BridgeError, InvalidState, InvalidValue, NotAuthenticated, NotFound, SubmitFailed
from bridge_azureml.absent import attribute_finder

AzureMLException = BridgeError
UserErrorException = InvalidValue
RunConfigurationException = InvalidValue

ActivityFailedException = SubmitFailed
TrainingException = SubmitFailed
ActivityCanceledException = InvalidState

ComputeTargetException = NotFound
ModelNotFoundException = NotFound
ModelPathNotFoundException = NotFound
AuthenticationException = NotAuthenticated

# Runbridge raises several errors in place of each of these. For example, NotFound and AlreadyExists replace
# WorkspaceException.
ExperimentExecutionException = BridgeError
ProjectSystemException = BridgeError
RunEnvironmentException = BridgeError
SnapshotException = BridgeError
WebserviceException = BridgeError
WorkspaceException = BridgeError

__all__ = [
    "ActivityCanceledException",
    "ActivityFailedException",
    "AuthenticationException",
    "AzureMLException",
    "ComputeTargetException",
    "ExperimentExecutionException",
    "ModelNotFoundException",
    "ModelPathNotFoundException",
    "ProjectSystemException",
    "RunConfigurationException",
    "RunEnvironmentException",
    "SnapshotException",
    "TrainingException",
    "UserErrorException",
    "WebserviceException",
    "WorkspaceException",
]

__getattr__ = attribute_finder(__name__)
