"""A web door in a process of its own that kills itself right after its first commit, before anybody is answered:
`python -m tests.builders.dying_door URL PORT [survive]`.
"""

import os
import signal
import sys

from deploy.web import server_for
from services.intake.http import app
from services.intake.settings import IntakeSettings
from shared import observing
from shared.db import Database


def die(fact: observing.Fact) -> None:
    """End as kill -9 ends a process."""
    if isinstance(fact, observing.Committed):
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    url, port, *rest = sys.argv[1:]
    if not rest:
        observing.listen(die)
    server_for(app(Database(url), IntakeSettings()), "127.0.0.1", int(port)).run()
