"""The API of the portal, the pages that show runs in a browser."""
