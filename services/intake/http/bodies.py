"""Reading a request's body, up to a limit."""

from collections.abc import AsyncGenerator

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope


class TooLarge(Exception):
    """The body is larger than may be. It was not read to the end."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body is larger than {limit} bytes")


async def chunks_of(scope: Scope, receive: Receive, limit: int) -> AsyncGenerator[bytes, None]:
    """The body as it arrives; stops reading when it is larger than `limit` bytes.

    Raises:
        TooLarge: it is; or it says so beforehand.
        ClientDisconnect: it did not arrive whole.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value[:19]) > limit:
            raise TooLarge(limit)
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLarge(limit)
        if chunk:
            yield chunk
        more = message.get("more_body", False)


async def body_of(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises as `chunks_of` does."""
    return b"".join([chunk async for chunk in chunks_of(scope, receive, limit)])
