"""A simulation of Entra's provisioning service: `promapp-lite rehearse` runs it against any SCIM server.

It knows urllib3 and Click. It imports none of the other rooms, and of the modules at the top only `csvio` and
`text`, so that client and server cannot share a misunderstanding.
"""
