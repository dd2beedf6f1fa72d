"""Several hosts on one machine: network namespaces joined by cables that can be pulled. Root only, on Linux.

Each host is a namespace of its own with one cable to the host of the servers. Addresses exist inside these namespaces
only. Servers that listen on unix sockets or on loopback of this machine are offered to the hosts by forwarders.
"""

import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.chaos.proxies import Address, Proxy

CLONE_NEWNET = 0x40000000
CHAOS_HOST = "CHAOS_HOST"


class NoHosts(Exception):
    """Namespaces can't be made here; the text says why."""


class Hosts:
    """A host of servers and some other hosts, each with a cable to it."""

    def __init__(self, names: Sequence[str]) -> None:
        self._mark = f"tl{os.getpid() % 100000}"
        self.names = tuple(names)
        self._forwarders: list[Proxy] = []

    def __enter__(self) -> Self:
        """Make them. Raises NoHosts."""
        if os.geteuid() != 0 or shutil.which("ip") is None:
            raise NoHosts("network namespaces need root and the command ip")
        try:
            self._ip("netns", "add", self.namespace("servers"))
            self._ip("-n", self.namespace("servers"), "link", "set", "lo", "up")
            for number, name in enumerate(self.names, start=1):
                self._join(number, name)
        except subprocess.CalledProcessError as error:
            self._remove()
            raise NoHosts(f"network namespaces can't be made here: {error.stderr.strip()}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._forwarders:
            each.__exit__(None, None, None)
        self._remove()

    def namespace(self, name: str) -> str:
        """What the kernel calls a host."""
        return f"{self._mark}-{name}"

    def offer(self, upstream: Address) -> dict[str, tuple[str, int]]:
        """Let every host reach a server of this machine: host → address and port, on the host of the servers."""
        offered = {}
        for number, name in enumerate(self.names, start=1):
            address = _address(number, 1)
            listener = _inside(self.namespace("servers"), partial(socket.create_server, (address, 0)))
            forwarder = Proxy(upstream, listener=listener).__enter__()
            self._forwarders.append(forwarder)
            offered[name] = (address, forwarder.port)
        return offered

    def cut(self, name: str) -> None:
        """Pull a host's cable: packets vanish, and nobody is told."""
        self._ip("-n", self.namespace("servers"), "link", "set", f"to-{name}", "down")

    def mend(self, name: str) -> None:
        """Plug it in again."""
        self._ip("-n", self.namespace("servers"), "link", "set", f"to-{name}", "up")

    def _join(self, number: int, name: str) -> None:
        servers, host = self.namespace("servers"), self.namespace(name)
        self._ip("netns", "add", host)
        self._ip("link", "add", f"to-{name}", "netns", servers, "type", "veth", "peer", "name", "eth0", "netns", host)
        for space, link, last in ((servers, f"to-{name}", 1), (host, "eth0", 2)):
            self._ip("-n", space, "address", "add", f"{_address(number, last)}/24", "dev", link)
            self._ip("-n", space, "link", "set", link, "up")
        self._ip("-n", host, "link", "set", "lo", "up")

    def _remove(self) -> None:
        for name in ("servers", *self.names):
            with suppress(subprocess.CalledProcessError):
                self._ip("netns", "delete", self.namespace(name))

    def _ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def _address(number: int, last: int) -> str:
    return f"10.231.{number}.{last}"


def _inside(namespace: str, make: Callable[[], socket.socket]) -> socket.socket:
    """A socket made inside a namespace; it stays there, whoever uses it."""

    def made() -> socket.socket:
        enter(namespace)
        return make()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(made).result()


def enter(namespace: str) -> None:
    """Move the calling thread onto a host."""
    with Path("/run/netns", namespace).open() as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def move() -> None:
    """An alteration (`CHAOS_PATCHES`): the process runs on the host that CHAOS_HOST names."""
    enter(os.environ[CHAOS_HOST])
