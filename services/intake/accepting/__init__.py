"""Accepting under load: many deliveries committed in one transaction, and saying no before anything breaks.

`directory` knows the connections without asking the database each time, `group_commit` stores what was verified,
`tallies` counts what was refused, `ringing` tells workers, `pressure` says when there is too much, `public_keys` has
the keys of senders whose platforms sign for them.
"""

from services.intake.accepting.directory import Directory
from services.intake.accepting.group_commit import Full, GroupCommit, Unanswered
from services.intake.accepting.pressure import Pressure
from services.intake.accepting.public_keys import PublicKeys

__all__ = ["Directory", "Full", "GroupCommit", "Pressure", "PublicKeys", "Unanswered"]
