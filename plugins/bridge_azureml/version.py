"""The version of the Azure ML SDK that our import names follow."""

VERSION = "1.61.0"
"""The last version whose names and behaviour we follow. It is not the version of Runbridge."""
