"""The machine: certificates, the service manager, the desktop, the unpacked executable.

It knows the operating system and `cryptography`. May import the modules at the top only.
"""
