"""Sending a released plan: the effects that reach outside the database (see `shared.handling.Effect`).

`printing`: the bytes, stored before anything else. `hand_over`: giving them to the channel. `doubt`: what becomes of a
mail that may have arrived. A mail goes out a second time only after a proof that it did not arrive, or by a person.
"""

from services.reporting.sending.doubt import Proving
from services.reporting.sending.hand_over import Sending
from services.reporting.sending.printing import Rendering

__all__ = ["Proving", "Rendering", "Sending"]
