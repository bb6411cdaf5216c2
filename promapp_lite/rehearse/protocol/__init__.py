"""SCIM as Entra speaks it: attribute paths, request bodies, HTTP, answers and error codes."""
