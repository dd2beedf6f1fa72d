"""What most survey tools have in common: a vendor's file says only what is different about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from services.intake.core.form import Form
from services.intake.core.registering import SECRET, Steps, Wanted
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import ApiAnswer, Pace, Refused, Reply, RequestNeeded, Secrets


def setting(what: str, default: str | None = None) -> Any:
    """A setting of a connection: what it is, and its default; None: the coordinator must say it."""
    return field(default=default or "", metadata={"what": what, "needed": default is None})


def time_zone_setting() -> Any:
    """The setting `time_zone`, for tools that send local times without saying of where."""
    return setting("time zone of the tool's server or account, such as Europe/London; default: the cohort's", "")


@dataclass(frozen=True)
class Webhook:
    """A vendor without settings, handshake, delivery ids or an API. Settings are the fields of a subclass."""

    chooses_secret: ClassVar[bool] = False

    @property
    def api_hosts(self) -> frozenset[str]:
        """The server of the setting `api_host` or `api_url`, if there is such a setting and it is set."""
        settings = vars(self)
        host = settings.get("api_host") or host_of(settings.get("api_url", ""))
        return frozenset({host} if host else ())

    @property
    def pace(self) -> Pace:
        """Not known."""
        return Pace()

    @property
    def each_is_new(self) -> bool:
        """The same bytes again say the same again."""
        return False

    @property
    def keys_url(self) -> str | None:
        """None: the secret is shared."""
        return None

    def setting_mistakes(self, settings: Mapping[str, str]) -> Mapping[str, str]:
        """Settings that are unknown here, missing, or can't be right."""
        known = {each.name: each.metadata for each in fields(self)}
        names = ", ".join(sorted(known)) or "it has none"
        wrong = {name: f"is not a setting of this survey tool ({names})" for name in settings if name not in known}
        for name, about in known.items():
            value = settings.get(name, "")
            if about["needed"] and not value.strip():
                wrong[name] = f"is missing: {about['what']}"
            elif value and not self._is_right(name, value):
                wrong[name] = f"can't be right: {about['what']}"
        return wrong

    def _is_right(self, name: str, value: str) -> bool:
        """Whether a setting that was given makes sense."""
        if name == "time_zone":
            return _zone(value) is not None
        if name.endswith("host"):
            return is_host(value)
        if name.endswith("url"):
            return value.startswith("https://") and is_host(host_of(value))
        return value.isprintable() and len(value) <= 500

    def configured(self, settings: Mapping[str, str]) -> Self:
        """The vendor with these settings."""
        if not settings:
            return self
        known = {each.name for each in fields(self)}
        return replace(self, **{name: value.strip() for name, value in settings.items() if name in known})

    def handshake(self, request: RawRequest, secrets: Secrets) -> Reply | Refused | None:  # noqa: ARG002
        """It does not ask before it sends."""
        return None

    def delivery_id(self, request: RawRequest) -> str | None:  # noqa: ARG002
        """It has none."""
        return None

    def probe(self, mark: str, secrets: Secrets, now: datetime) -> RawRequest | None:  # noqa: ARG002
        """Only the sender can sign."""
        return None

    def session(self, answer: ApiAnswer) -> str:  # noqa: ARG002
        """Its API has no sessions."""
        return ""

    def steps(self, wanted: Wanted) -> Steps:
        """What a person does in the tool where its API makes no webhooks."""
        return Steps(
            (f"In the tool make a webhook for each new response, to {wanted.address}", f"Its secret: {SECRET}")
        )

    def forms(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> tuple[Form, ...]:  # noqa: ARG002
        """It sends answers only."""
        return ()

    def define(self, form_id: str, answers: Sequence[ApiAnswer] = ()) -> Form | RequestNeeded | None:  # noqa: ARG002
        """It has no API for that, or none that was tried."""
        return None


def host_of(url: str) -> str:
    """The server that an address names; empty for what is no address."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_host(name: str) -> bool:
    """Whether this is the bare name of a server in the internet: no scheme, no port, no address of numbers.

    >>> is_host("lhr1.qualtrics.com"), is_host("https://example.org"), is_host("127.0.0.1"), is_host("localhost")
    (True, False, False, False)
    """
    labels = name.split(".")
    plain = all(label and label.isascii() and label.replace("-", "").isalnum() for label in labels)
    return plain and len(labels) > 1 and not labels[-1].isdigit() and len(name) <= 253


def local(moment: datetime | None, time_zone: str) -> datetime | None:
    """A moment with its zone: a naive one is of `time_zone`; of none (the cohort's is meant), it stays naive."""
    zone = _zone(time_zone)
    if moment is None or moment.tzinfo is not None or zone is None:
        return moment
    return moment.replace(tzinfo=zone)


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None


def in_utc(moment: datetime | None) -> datetime | None:
    """A moment of which the tool is known to write the time in UTC, without saying so."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
