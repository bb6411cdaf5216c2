"""Entra ID's provisioning service in small; it shares no code with the server."""
