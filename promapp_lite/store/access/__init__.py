"""Access: admins, their passwords and sessions, access tokens, the set-up link.

May import `store.engine`, `store.models` and the modules at the top.
"""
