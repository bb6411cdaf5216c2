"""Entra's provisioning service in small: `promapp-lite rehearse` plays it against any SCIM server.

It knows urllib3 and Click. It imports none of the other rooms, and of the modules at the top only `csvio` and
`text`, so that client and server cannot share a misunderstanding.
"""
