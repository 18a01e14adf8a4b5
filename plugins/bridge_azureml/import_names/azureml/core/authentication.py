"""`azureml.core.authentication` on Runbridge: logins are accepted and ignored."""

from bridge.errors import NotAuthenticated
from bridge_azureml.absent import attribute_finder
from bridge_azureml.authentication import (
    AbstractAuthentication,
    AzureCliAuthentication,
    InteractiveLoginAuthentication,
    MsiAuthentication,
    ServicePrincipalAuthentication,
    TokenAuthentication,
)

AuthenticationException = NotAuthenticated

__all__ = [
    "AbstractAuthentication",
    "AuthenticationException",
    "AzureCliAuthentication",
    "InteractiveLoginAuthentication",
    "MsiAuthentication",
    "ServicePrincipalAuthentication",
    "TokenAuthentication",
]

__getattr__ = attribute_finder(__name__)
