"""Reading a request's body, up to a limit."""

from collections.abc import AsyncGenerator

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope


class TooLarge(Exception):
    """The body is larger than may be. It was not read to the end."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body is larger than {limit} bytes")


def _refuse_large(scope: Scope, limit: int) -> None:
    """Raises TooLarge if the sender says beforehand that it is."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value[:19]) > limit:
            raise TooLarge(limit)


async def chunks_of(scope: Scope, receive: Receive, limit: int) -> AsyncGenerator[bytes, None]:
    """The body as it arrives; stops reading when it is larger than `limit` bytes.

    Raises:
        TooLarge: it is; or it says so beforehand.
        ClientDisconnect: it did not arrive whole.
    """
    _refuse_large(scope, limit)
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
    _refuse_large(scope, limit)
    first = await receive()
    body: bytes = first.get("body", b"")
    if first["type"] == "http.request" and not first.get("more_body", False) and len(body) <= limit:
        return body  # most arrive in one piece
    return b"".join([chunk async for chunk in chunks_of(scope, _after(first, receive), limit)])


def _after(first: Message, receive: Receive) -> Receive:
    """What is received, with a message before it."""
    kept = [first]

    async def received() -> Message:
        return kept.pop() if kept else await receive()

    return received
