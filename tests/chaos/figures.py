"""The figures of a run: what was lost, doubled and in doubt, and how long mail took after the last evidence."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tests.chaos.judge import Evidence
from tests.chaos.recovery import percentiles


def promises(found: Evidence) -> dict[str, Any]:
    """`lost` and `duplicated` must be 0. Deliveries and mails are counted together: either is a broken promise."""
    stored = {digest: len(found.submissions.get(digest, ())) for digest in found.ledger.acked}
    expected = found.complete - found.unreachable
    mails = Counter(found.person_of.get(mail.to, "") for mail in found.accepted)
    return {
        "lost": sum(count == 0 for count in stored.values()) + sum(mails[each] == 0 for each in expected),
        "duplicated": sum(max(0, count - 1) for count in stored.values())
        + sum(max(0, count - 1) for count in mails.values()),
        "evidence_to_sent_s": percentiles(_latencies(found)),
    }


def _latencies(found: Evidence) -> list[float]:
    """Seconds from the 2xx of the last piece that a first result rests on to the mail server's taking the plan."""
    digest_of = {row["id"]: digest for digest, rows in found.submissions.items() for row in rows}
    sent = {found.person_of.get(mail.to, ""): mail.at for mail in found.accepted}
    seconds = []
    for result in found.results:
        if result["version"] == 1 and result["participant"] in sent:
            named = {each["evidence"] for each in json.loads(result["document"])["evidence"]}
            used = (piece for piece in found.pieces[result["participant"]] if piece["evidence"] in named)
            acked = [found.ledger.acked.get(digest_of.get(piece["submission"], ""), 0.0) for piece in used]
            seconds.append(sent[result["participant"]] - max(acked))
    return seconds


def doubts(logs: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many mails came in doubt, and what became of them: found to be sent, found absent (sent again), or held."""
    said = Counter((line.get("event"), line.get("state")) for line in logs)
    return {
        "in_doubt": sum(count for (event, _), count in said.items() if event == "mail.in_doubt"),
        "proved_sent": said["mail.proof", "sent"],
        "proved_absent": said["mail.proof", "pending"],
        "held": said["mail.proof", "held"] + said["mail.in_doubt", "held"],
    }
