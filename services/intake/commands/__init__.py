"""What people and machines ask of intake through a door: take a webhook, take a file, retry what is in quarantine.

A command works in the caller's transaction and returns values; the door turns them into statuses and words.
"""

from services.intake.commands.connections import (
    CantBeAsked,
    Connected,
    UnknownConnection,
    backfill,
    connected,
    keep_registered,
    register,
)
from services.intake.commands.explained import explained
from services.intake.commands.links import PersonalLink, UnusableLink, personal_links
from services.intake.commands.requests import request_run, retry
from services.intake.commands.taking import Taken, take
from services.intake.commands.uploads import UPLOAD, Accepted, Refused, submit_file
from services.intake.commands.webhooks import TurnedAway, accept_webhook, judged

__all__ = [
    "UPLOAD",
    "Accepted",
    "CantBeAsked",
    "Connected",
    "PersonalLink",
    "Refused",
    "Taken",
    "TurnedAway",
    "UnknownConnection",
    "UnusableLink",
    "accept_webhook",
    "backfill",
    "connected",
    "explained",
    "judged",
    "keep_registered",
    "personal_links",
    "register",
    "request_run",
    "retry",
    "submit_file",
    "take",
]
