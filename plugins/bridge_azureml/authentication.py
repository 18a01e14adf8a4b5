"""Authentication classes, which are accepted and ignored: a workspace in a folder needs no login."""

from __future__ import annotations


class Authentication:
    """An authentication that is accepted wherever a script passes one, and ignored.

    Args:
        args, kwargs: the arguments of the Azure ML SDK's class. They are not stored, because they may be secrets.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def get_authentication_header(self) -> dict[str, str]:
        """Return an empty dict, because Runbridge needs no header."""
        return {}

    def get_token(self, *scopes: str, **kwargs: object) -> str:
        """Return an empty text, because Runbridge needs no token."""
        return ""


class AbstractAuthentication(Authentication):
    """The base class of the authentication classes in the SDK."""


class InteractiveLoginAuthentication(AbstractAuthentication):
    """A login in a browser."""


class AzureCliAuthentication(AbstractAuthentication):
    """A login with the Azure command line."""


class ServicePrincipalAuthentication(AbstractAuthentication):
    """A login with a secret."""


class MsiAuthentication(AbstractAuthentication):
    """A login with the identity of a machine."""


class TokenAuthentication(AbstractAuthentication):
    """A login with a token."""
