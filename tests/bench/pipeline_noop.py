"""What `bench-pipeline` is compared with: messages that do nothing, through plain dramatiq and through Celery.

`python -m tests.bench.pipeline_noop send|work dramatiq|celery [COUNT]`, with the queue server's address in
BENCH_REDIS_URL. Both have four threads a process, as talentline's worker has.
"""

import os
import signal
import sys
import threading
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

THREADS = 4
QUEUE = "noop"
PAYLOAD = "0123456789abcdef0123456789abcdef0123"
"""As long as an event's id."""


def nothing(_id: str) -> None:
    """Does nothing."""


def dramatiq_broker() -> tuple[RedisBroker, Any]:
    """Plain dramatiq with what it brings along."""
    broker = RedisBroker(url=os.environ["BENCH_REDIS_URL"])  # type: ignore[no-untyped-call]
    return broker, dramatiq.actor(broker=broker, queue_name=QUEUE)(nothing)


def celery_app() -> tuple[Any, Any]:
    """Celery, set so that what is lost with a worker is done again, as with the others."""
    from celery import Celery  # the group `bench` has it, not everybody's environment

    url = os.environ["BENCH_REDIS_URL"].replace("unix://", "redis+socket://")  # the name that Celery knows it by
    app = Celery("bench", broker=url)
    app.conf.update(
        broker_connection_retry_on_startup=True,
        task_ignore_result=True,
        task_acks_late=True,
        task_default_queue=QUEUE,
    )
    return app, app.task(name="noop")(nothing)


def send(system: str, count: int) -> None:
    """Put messages into the queue."""
    put = dramatiq_broker()[1].send if system == "dramatiq" else celery_app()[1].delay
    for _ in range(count):
        put(PAYLOAD)


def work(system: str) -> None:
    """Work until SIGTERM."""
    if system == "celery":
        options = ["--pool=threads", f"--concurrency={THREADS}", "--loglevel=ERROR", "--without-gossip"]
        celery_app()[0].worker_main(["worker", *options, "--without-mingle", "--without-heartbeat"])
        return
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    worker = dramatiq.Worker(dramatiq_broker()[0], queues={QUEUE}, worker_threads=THREADS, worker_timeout=100)
    worker.start()
    stopping.wait()
    worker.stop()


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2], int(sys.argv[3]))
    else:
        work(sys.argv[2])
