"""Addresses that settings hold, and hosts of which some are made."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit


def is_host(text: str) -> bool:
    """Whether it can stand in an address: a name or an IP address, without brackets."""
    try:
        ip_address(text)
    except ValueError:
        return re.fullmatch(r"[\w.-]+", text) is not None
    return True


def is_web_address(url: str) -> bool:
    """Whether a browser can go there."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and is_host(parts.hostname or "")


def reachable(host: str) -> str:
    """The host to put in links for an address that is bound: "anywhere" is reached at loopback."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.version == 6:
        return "[::1]" if address.is_unspecified else f"[{host}]"
    return "127.0.0.1" if address.is_unspecified else host


def with_driver(url: str) -> str:
    """A database address as SQLAlchemy reads it: with the driver that we use."""
    scheme, separator, rest = url.partition("://")
    if scheme in ("postgres", "postgresql"):
        return f"postgresql+psycopg://{rest}"
    return scheme + separator + rest
