"""Who may do what: admins, their sessions and passwords, access tokens, the set-up link.

May import `store.engine`, `store.models` and the modules at the top.
"""
