"""Reading whatever was stored: a webhook's delivery, a page that was asked for, or a probe of our own."""

from collections.abc import Sequence

from services.intake.core import probing
from services.intake.core.polling import Poller, form_of
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import ApiAnswer, Reading, Vendor


def read(vendor: Vendor, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
    """What a stored request says. Raises Unreadable."""
    if probing.is_probe(request):
        return probing.SAID
    if form_of(request) and isinstance(vendor, Poller):
        return vendor.read_page(request, answers)
    return vendor.read(request, answers)
