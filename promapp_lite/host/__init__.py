"""The machine around the service: TLS, proxies, the executable, the desktop, the service manager."""
