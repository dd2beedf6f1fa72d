"""The doorbell on a real queue server: ids only, and never in the way."""

import time
from datetime import timedelta
from pathlib import Path

import redis

from shared.broker import Doorbell, broker_for
from shared.db import Database
from shared.events import SubmissionReceived
from shared.ids import CohortId, DeliveryId, SubmissionId
from shared.outbox import publish
from shared.words import Service


def test_a_message_carries_a_delivery_id_and_nothing_else(redis_url: str, db: Database) -> None:
    db.ring = Doorbell(broker_for(redis_url))
    with db.write() as uow:
        publish(uow, SubmissionReceived(submission=SubmissionId("P-0001-secret"), cohort=CohortId("c")))
    client = redis.Redis.from_url(redis_url)
    (message,) = client.hgetall("talentline:intake.msgs").values()
    assert b'"args":[1],"kwargs":{}' in message
    assert b"P-0001" not in message


def test_an_absent_queue_server_costs_next_to_nothing(tmp_path: Path) -> None:
    bell = Doorbell(broker_for(f"unix://{tmp_path}/absent.sock"))
    started = time.monotonic()
    for number in range(1000):
        bell(Service.INTAKE, [DeliveryId(number)])
    assert timedelta(seconds=time.monotonic() - started) < timedelta(seconds=2)


def test_a_silent_doorbell_rings_again_after_a_while(redis_url: str, tmp_path: Path) -> None:
    moment = [0.0]
    bell = Doorbell(broker_for(f"unix://{tmp_path}/absent.sock"), monotonic=lambda: moment[0])
    bell(Service.INTAKE, [DeliveryId(1)])
    bell._broker = broker_for(redis_url)
    client = redis.Redis.from_url(redis_url)
    bell(Service.INTAKE, [DeliveryId(2)])
    assert client.llen("talentline:intake") == 0
    moment[0] = 60.0
    bell(Service.INTAKE, [DeliveryId(3)])
    assert client.llen("talentline:intake") == 1
