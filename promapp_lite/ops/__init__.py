"""Operation: health, metrics, the access log and the log itself.

It knows Flask and Prometheus. May import `store`, `system`, `scim` and the modules at the top; neither `api`
nor `console`, which both stand on it.
"""
