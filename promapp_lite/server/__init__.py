"""Serving HTTP with Waitress: listeners, TLS, threads, worker processes, shutdown.

All that is known of Waitress is here and nowhere else. May import `application` and whatever is below it.
"""
