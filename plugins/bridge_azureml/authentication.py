"""Authentication classes: a workspace in a folder asks nobody who they are."""

from __future__ import annotations


class Authentication:
    """Taken wherever an old script passes one, and not looked at.

    Args:
        args: of whichever class of the Azure ML SDK it was; nothing of them is kept, secrets neither.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def get_authentication_header(self) -> dict[str, str]:
        """No header: nothing is asked for."""
        return {}

    def get_token(self, *scopes: str, **kwargs: object) -> str:
        """An empty one: nothing is asked for."""
        return ""


class AbstractAuthentication(Authentication):
    """The base of the others in the SDK."""


class InteractiveLoginAuthentication(AbstractAuthentication):
    """Login by a browser."""


class AzureCliAuthentication(AbstractAuthentication):
    """Login by the Azure command line."""


class ServicePrincipalAuthentication(AbstractAuthentication):
    """Login by a secret."""


class MsiAuthentication(AbstractAuthentication):
    """Login by the identity of a machine."""


class TokenAuthentication(AbstractAuthentication):
    """Login by a token."""
