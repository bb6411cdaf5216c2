"""How fast the service is, beside a bare application and other SCIM servers: `make bench`."""
