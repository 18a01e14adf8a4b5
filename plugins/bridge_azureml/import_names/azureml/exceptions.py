"""`azureml.exceptions` on Runbridge: other names of our errors.

Each name is the error that Runbridge raises where the Azure ML SDK v1 raised this one, or the common base of several
such errors. So the `except` clauses of existing scripts catch our errors.
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

# Several of our errors correspond to each of these names. For example, a workspace does not exist, or already exists.
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
