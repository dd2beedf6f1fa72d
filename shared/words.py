"""The vocabularies of the domain that more than one service uses. A value is also its spelling on the wire."""

from enum import StrEnum


class Instrument(StrEnum):
    """What evidence was collected with; each is one source of a domain result."""

    APPRAISAL_360 = "appraisal_360"
    DEVELOPMENT_DAY = "development_day"
    WRITTEN_ASSESSMENT = "written_assessment"

    @property
    def label(self) -> str:
        """The name that people read.

        >>> Instrument.APPRAISAL_360.label
        '360 appraisal'
        """
        return {"appraisal_360": "360 appraisal"}.get(self.value, self.value.replace("_", " "))


class Relationship(StrEnum):
    """What a rater of the 360 appraisal is to the participant."""

    SELF = "self"
    LINE_MANAGER = "line_manager"
    PEER = "peer"
    DIRECT_REPORT = "direct_report"
    SYSTEM_PARTNER = "system_partner"

    @property
    def label(self) -> str:
        """The name that people read, one person.

        >>> Relationship.DIRECT_REPORT.label
        'direct report'
        """
        return self.value.replace("_", " ")

    @property
    def plural(self) -> str:
        """The name that people read, for the group.

        >>> Relationship.SELF.plural, Relationship.PEER.plural
        ('self', 'peers')
        """
        return self.label if self is Relationship.SELF else f"{self.label}s"


class IdentityBy(StrEnum):
    """How a connection's responses say who speaks about whom."""

    HIDDEN_FIELDS = "hidden_fields"
    """Fields of the link that nobody sees, or fields that are mapped to `identity:…`."""
    QUESTIONS = "questions"
    """Questions that the link fills in, mapped to `identity:…`."""
    RESPONDER_EMAIL = "responder_email"
    """The address under which the tool knows the responder, looked up among the cohort's people."""
    LINK_TOKEN = "link_token"  # noqa: S105  (a word, not a token)
    """A token in each person's own link, made by `talentline cohort links`."""


class Facet(StrEnum):
    """Whether a statement shows knowing or doing."""

    KNOW = "know"
    APPLY = "apply"


class ReleasePolicy(StrEnum):
    """When a plan goes out."""

    AT_RUN = "at_run"
    """By `cohort run`."""
    AUTOMATIC = "automatic"
    """When the participant is first scored."""
    AFTER_DEBRIEF = "after_debrief"
    """By `plan release`, after the conversation."""


class PoolPolicy(StrEnum):
    """Who changes a talent-pool record."""

    PROPOSE = "propose"
    """Workers propose, a named person decides."""
    AUTOMATIC = "automatic"


class ParkReason(StrEnum):
    """Why a delivery needs a person: the class of what is wrong, by which those alike are found and retried."""

    VALIDATION = "validation"
    """What it carries, or the state of things, does not allow the work."""
    VENDOR = "vendor"
    """Somebody outside refused it: a vendor's API, a mail server."""
    POISON = "poison"
    """It cost several workers their lives."""
    UNKNOWN_SCHEMA = "unknown_schema"
    """A newer release wrote it."""
    EXHAUSTED = "exhausted"
    """It failed too often in a way that might have passed."""
    INVARIANT = "invariant"
    """Doing it would break a promise, or something that always holds did not hold."""


class Service(StrEnum):
    """The services; a value is also the name of the service's queue."""

    INTAKE = "intake"
    SCORING = "scoring"
    REPORTING = "reporting"
