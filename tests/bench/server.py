"""One contender of `bench-intake` as a process: `python -m tests.bench.server limit|plain PORT`.

talentline itself is started by its own command; all run on the same server with the same settings.
"""

import os
import sys

from deploy.web import server_for
from tests.bench.limit import limit
from tests.bench.plain import plain

if __name__ == "__main__":
    what, port = sys.argv[1:]
    server_for(limit if what == "limit" else plain(os.environ["BENCH_DATABASE_URL"]), "127.0.0.1", int(port)).run()
