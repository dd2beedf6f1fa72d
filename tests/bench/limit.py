"""The limit: a bare ASGI route that verifies the signature and stores nothing. No door on this server can be faster."""

import base64
import hmac

from starlette.types import Receive, Scope, Send

from tests.builders.intake import PILOT_SECRET

ANSWER = b'{"status":"accepted"}'


async def limit(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 200 to a signed request, 401 to another."""
    if scope["type"] != "http":
        return
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    digest = hmac.digest(PILOT_SECRET.encode(), b"".join(parts), "sha256")
    given = dict(scope["headers"]).get(b"typeform-signature", b"")
    good = hmac.compare_digest(given, b"sha256=" + base64.b64encode(digest))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]
    await send({"type": "http.response.start", "status": 200 if good else 401, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})
