"""A way out for which a server of this machine is whatever host it is asked for, over real connections."""

import httpx


class Rerouted(httpx.HTTPTransport):
    """Every request goes to a port of this machine, with the address that it was meant for in its `Host`."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        return super().handle_request(request)

    def close(self) -> None:
        """It outlives the client of one request."""
