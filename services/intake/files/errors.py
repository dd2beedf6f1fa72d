"""Why a file can't be opened as a table."""

from shared.errors import PermanentError


class NotATable(PermanentError):
    """The file can't be opened as what it should be. The message completes a sentence and says what to do."""
