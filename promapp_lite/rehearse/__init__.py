"""Entra's provisioning service in small: `promapp-lite rehearse` plays it against any SCIM server.

It knows urllib3 and Click. It imports none of the other rooms, so that client and server cannot share a
misunderstanding.
"""
