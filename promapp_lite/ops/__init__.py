"""Operations: what can be wrong, health, metrics, logging and the access log.

It knows Flask and Prometheus. May import `store`, `system`, `scim` and the modules at the top; neither `api`
nor `console`, which both stand on it.
"""
