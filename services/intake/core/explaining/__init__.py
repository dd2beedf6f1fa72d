"""What talentline makes of a recorded delivery, for whoever asks "what happened to it?". Nothing is stored.

`recorded` reads the recording (a request, and how its connection is configured), `explanation` says what becomes of it,
`said` what its responses say.
"""

from services.intake.core.explaining.explanation import explain, explain_all, explain_stored
from services.intake.core.explaining.recorded import Recorded, recorded, utc
from services.intake.core.explaining.said import Memory

__all__ = ["Memory", "Recorded", "explain", "explain_all", "explain_stored", "recorded", "utc"]
