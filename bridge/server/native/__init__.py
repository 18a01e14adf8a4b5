"""The native API: the methods of stores over HTTP, for Runbridge on other computers."""
