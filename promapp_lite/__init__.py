"""A SCIM 2.0 service provider with a console, in one executable."""

__version__ = "0.1.0"
