"""The operating system: certificates, the service manager, the desktop, the bundled executable.

It knows the operating system and `cryptography`. May import the modules at the top only.
"""
