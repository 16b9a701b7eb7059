"""Digest a request: equal content has an equal digest."""

from typing import Any

from services.kit.content_digest import digest_content
from services.kit.contract import Method


def digest_request(method: Method[Any, Any], request: object) -> str:
    """Return the SHA-256 of a method's name and its request's content, in hexadecimal.

    ``request`` is a dataclass of a contract. Raises TypeError for a field of another kind.
    """
    return digest_content(method.service, method.rpc, request)
