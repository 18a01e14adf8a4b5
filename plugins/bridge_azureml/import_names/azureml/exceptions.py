"""`azureml.exceptions` on Runbridge: other names of our errors.

Each is the error, or the common base of the errors, that Runbridge raises where the Azure ML SDK v1 raised this one,
so that the `except` clauses of old scripts catch what is raised now.
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

# Several of ours stand for each of these: a script is missing or cannot be started; a workspace is missing or there
# already; a model's name is wrong or there is no such model; a snapshot was taken already or cannot be read.
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
