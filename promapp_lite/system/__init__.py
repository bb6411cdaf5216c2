"""The operating system: certificates, service managers, file owners, the desktop, the bundled executable.

It knows the operating system and `cryptography`. May import the modules at the top only.
"""
