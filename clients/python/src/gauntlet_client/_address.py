"""Where a control plane is, and whether a token may be sent there."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from .errors import BadAddress, TokenInTheClear


def checked(url: str, token: str | None) -> str:
    """The address without a slash at its end. Raises for what is no address, and for a token that would be sent in the
    clear to another machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment or parts.username:
        raise BadAddress(f'"{url}" is not the address of a control plane; give one like http://127.0.0.1:8090')
    if token and parts.scheme == "http" and not _is_loopback(host):
        raise TokenInTheClear(f"a token would be sent to {host} in the clear; use an https address")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
