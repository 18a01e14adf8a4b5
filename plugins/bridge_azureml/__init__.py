"""The import names of the Azure ML SDK v1, on Runbridge."""
