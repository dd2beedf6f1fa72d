"""The worker of `bench-pipeline`: `python -m tests.bench.pipeline_worker [--no-pdf] [SERVICE…]`. It is the worker that
`talentline worker` starts; with `--no-pdf` a plan is a few fixed bytes, so that typesetting is told from the rest.
"""

import sys
from collections.abc import Iterable, Mapping

from deploy.composition import Installation
from deploy.worker import work
from services.reporting import handlers as reporting
from services.reporting.core.documents import CohortReportDocument, PlanDocument
from services.reporting.sending import Rendering
from shared import logs
from shared.handling import Handlers
from shared.words import Service

FIXED = b"%PDF-1.7\n% not set: the benchmark leaves typesetting out\n%%EOF\n"


def fixed(_document: PlanDocument | CohortReportDocument) -> bytes:
    """The same bytes for every document."""
    return FIXED


class Untypeset(Installation):
    """An installation whose reporting sets no PDF."""

    def handlers(self, services: Iterable[Service]) -> Mapping[Service, Handlers]:
        """As always, but for the rendering."""
        found = dict(super().handlers(services))
        if Service.REPORTING in found:
            plain = reporting.handlers(self.reporting, rendering=Rendering(plan_pdf=fixed, cohort_report_pdf=fixed))
            found[Service.REPORTING] = {**found[Service.REPORTING], **plain}
        return found


if __name__ == "__main__":
    words = sys.argv[1:]
    logs.configure("WARNING", role="worker")
    names = [Service(word) for word in words if not word.startswith("--")]
    work(Untypeset() if "--no-pdf" in words else Installation(), names or list(Service))
