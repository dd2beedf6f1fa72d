"""The servers of an arena, with everything that can go wrong with them: the database and the queue server."""

import signal
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

import psycopg
import redis

from shared.broker import client_for
from shared.queue_server import QueueServer
from tests.servers.postgres import PostgresServer


class Queue:
    """An own queue server on a unix socket."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._server = QueueServer(directory)
        self.url = ""

    def start(self) -> None:
        """Start it, empty, at the same address as ever."""
        self.url = self._server.start()

    def kill(self) -> None:
        """kill -9; it stays away until `start`."""
        assert self._server.process is not None
        self._server.process.kill()
        self._server.process.wait()
        self._server.stop()

    def stop(self) -> None:
        """End it."""
        self._server.stop()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._server.alive

    def flush(self) -> None:
        """FLUSHALL: every message is gone."""
        with client_for(self.url) as client:
            client.flushall()

    def hang(self) -> None:
        """SIGSTOP: connections are taken, and nothing is answered until `wake`."""
        assert self._server.process is not None
        self._server.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """SIGCONT."""
        assert self._server.process is not None
        self._server.process.send_signal(signal.SIGCONT)

    def read_only(self, refuse: bool) -> None:
        """Refuse every write, as a replica or a server without its replicas does; or take them again."""
        with client_for(self.url) as client:
            client.config_set("min-replicas-to-write", 1 if refuse else 0)

    def full(self, is_full: bool) -> None:
        """Be out of memory (`noeviction`: writes fail), or not."""
        with client_for(self.url) as client:
            client.config_set("maxmemory", 1 if is_full else 128 * 2**20)

    def cut_clients(self) -> int:
        """CLIENT KILL of everybody else; gives how many."""
        with client_for(self.url) as client:
            return int(client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))

    def dump(self) -> bytes:
        """Every key and every value, one after another; empty while it does not answer."""
        found: list[bytes] = []
        with suppress(redis.RedisError), client_for(self.url) as client:
            for key in client.scan_iter(count=1000):
                found.append(key)
                match client.type(key):
                    case b"list":
                        found += client.lrange(key, 0, -1)
                    case b"hash":
                        found += [part for pair in client.hgetall(key).items() for part in pair]
                    case b"set":
                        found += client.smembers(key)
                    case b"zset":
                        found += [member for member, _ in client.zrange(key, 0, -1, withscores=True)]
                    case b"string":
                        found.append(client.get(key) or b"")
        return b"\n".join(found)


class SqliteFile:
    """A SQLite database in a file."""

    name = "sqlite"

    def __init__(self, directory: Path) -> None:
        self.path = directory / "talentline.db"
        self.url = f"sqlite:///{self.path}"

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""

    def hold(self, seconds: float) -> None:
        """Keep every writer out for so long, as a backup tool that does not know better would."""
        with sqlite3.connect(self.path, timeout=30, isolation_level=None) as stranger:
            stranger.execute("BEGIN EXCLUSIVE")
            time.sleep(seconds)
            stranger.execute("ROLLBACK")
        stranger.close()


class PostgresOfItsOwn:
    """A PostgreSQL server that survives what it is made to suffer: fsync is on."""

    name = "postgresql"

    def __init__(self) -> None:
        self.server = PostgresServer(fsync=True, tcp=True)

    @property
    def url(self) -> str:
        """Its address on a unix socket."""
        return self.server.url()

    def start(self) -> None:
        """Start it (again); what was committed is there."""
        self.server.start()

    def crash(self) -> None:
        """SIGQUIT to the postmaster: everything ends at once, and the next start recovers from the log."""
        self.server.crash()

    def terminate_backends(self) -> int:
        """End everybody's connection in mid-work; gives how many."""
        others = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
        with suppress(psycopg.OperationalError):
            found = self.server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
            return len(found)
        return 0

    def hold(self, seconds: float) -> None:
        """Lock the table of deliveries for so long, as a careless migration would."""
        with psycopg.connect(self.url) as stranger:
            stranger.execute("LOCK TABLE bus_deliveries IN ACCESS EXCLUSIVE MODE")
            time.sleep(seconds)
            stranger.rollback()

    def stop(self) -> None:
        """End it and remove its data."""
        self.server.stop()


DatabaseServer = SqliteFile | PostgresOfItsOwn


def database_server(name: str, directory: Path) -> DatabaseServer:
    """`sqlite` or `postgresql`."""
    return PostgresOfItsOwn() if name == "postgresql" else SqliteFile(directory)
