"""GOV.UK Notify as a way out: the mail is a template of theirs, the plan a file behind a link in it.

Their API keeps our key as `reference`, but takes the same one twice, so `exact_once` is false. A mail's proof is to
find its reference among what they took, which they keep for 7 days (https://docs.notifications.service.gov.uk/rest-api.html).
"""

import re
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import jwt

from services.reporting.core.channel import (
    ChannelAway,
    HandingOver,
    OutgoingMessage,
    Proof,
    Receipt,
    Uncertain,
    Undeliverable,
    named,
)
from services.reporting.core.message import Letter, letter_of

LARGEST_FILE = 2 * 2**20
LONGEST_FILE_NAME = 100
LINK = "link_to_file"
"""The template's field that becomes the link to the plan."""
CLOCKS_DIFFER = timedelta(minutes=5)
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_API_KEY = re.compile(rf".+-({_UUID})-({_UUID})")
_OPTIONS = {"template", "reply_to", "weeks", "timeout", "tls"}
_ADDRESS = re.compile(r"[^\s@]*@[^\s@,;:]*")
_ABOUT_THIS_MAIL = re.compile("^email_address|virus|cannot be longer than", re.IGNORECASE)
_NOT_SENT = "technical-failure"
_BUSY_WAIT = timedelta(seconds=30)
_DAYS_LIMIT_WAIT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class NotifyChannel:
    """Address: `govuk-notify://:API-KEY@api.notifications.service.gov.uk?template=ID[&options]`.

    Options: `reply_to`, the id of a reply-to address at Notify; `weeks`, how long the file can be downloaded (1 to 78,
    their default is 26); `timeout` in seconds (20); `tls=never` for a server on this machine in a test. The template
    needs the field ((link_to_file)) and may use ((subject)) and ((name)).
    """

    base: str
    service: str
    secret: str = field(repr=False)
    template: str
    reply_to: str | None = None
    weeks: int | None = None
    timeout: float = 20.0
    exact_once: ClassVar[bool] = False
    has_proof: ClassVar[bool] = True

    @classmethod
    def of_url(cls, url: str, archive: str | None = None) -> "NotifyChannel":
        """The channel of an address. Raises ValueError with what is wrong; it does not repeat the key."""
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        key = _API_KEY.fullmatch(unquote(parts.password or ""))
        if archive:
            raise ValueError("GOV.UK Notify tells itself what it took: unset TALENTLINE_MAIL_ARCHIVE")
        if not parts.hostname or not key:
            raise ValueError(
                "give the API key and the host: govuk-notify://:KEY@api.notifications.service.gov.uk?template=ID"
            )
        if set(options) - _OPTIONS or options.get("tls", "never") != "never":
            raise ValueError(f"options are {', '.join(sorted(_OPTIONS))}")
        if not re.fullmatch(_UUID, options.get("template", "")):
            raise ValueError("say with ?template= which template of GOV.UK Notify to use")
        weeks = int(options["weeks"]) if "weeks" in options else None
        if weeks is not None and not 1 <= weeks <= 78:
            raise ValueError("weeks is a number from 1 to 78")
        place = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        return cls(
            base=f"{'http' if 'tls' in options else 'https'}://{place}",
            service=key[1],
            secret=key[2],
            template=options["template"],
            reply_to=options.get("reply_to"),
            weeks=weeks,
            timeout=float(options.get("timeout", "20")),
        )

    @property
    def name(self) -> str:
        """Its own for each service at Notify."""
        return named("notify", self.base, self.service)

    def lane(self, recipient: str) -> str:  # noqa: ARG002  (it is one API, whoever the mail is for)
        """One for all: their API."""
        return "mail:govuk-notify"

    def send(self, message: OutgoingMessage, handing_over: HandingOver) -> Receipt:
        """Have the mail sent. Key, clock and template are proven right before anything is handed over."""
        request = self._request(message, letter_of(message.content))
        with self._client() as client:
            self._check_template(client)
            handing_over()
            with _uncertain():
                response = client.post("/v2/notifications/email", json=request, headers=self._token())
        if response.status_code == httpx.codes.CREATED:
            return Receipt(f"201 {_id(response)}".strip())
        raise _refusal(response)

    def _request(self, message: OutgoingMessage, letter: Letter) -> dict[str, Any]:
        if len(letter.pdf) > LARGEST_FILE:
            raise Undeliverable("the plan's PDF is larger than the 2 MB that GOV.UK Notify takes")
        file: dict[str, Any] = {
            "file": b64encode(letter.pdf).decode(),
            "filename": f"{letter.file_name.removesuffix('.pdf')[: LONGEST_FILE_NAME - 4]}.pdf",
            "confirm_email_before_download": True,
        }
        if self.weeks:
            file["retention_period"] = f"{self.weeks} weeks"
        request = {
            "email_address": message.recipient,
            "template_id": self.template,
            "reference": _reference(message.key),
            "personalisation": {"subject": letter.subject, "name": letter.name, LINK: file},
        }
        return request | ({"email_reply_to_id": self.reply_to} if self.reply_to else {})

    def proof(self, key: str, since: datetime) -> Proof:
        """Whether they took a mail of this reference since then. Raises ChannelAway if they can't be asked."""
        asked = {"template_type": "email", "reference": _reference(key)}
        with self._client() as client, _away():
            found = _document(_good(client.get("/v2/notifications", params=asked, headers=self._token())))
            taken = [each["status"] for each in found["notifications"] if _created(each) >= since - CLOCKS_DIFFER]
        return Proof.ARRIVED if set(taken) - {_NOT_SENT} else Proof.ABSENT

    def check(self) -> None:
        """Ask for the template, and whether it has the link. Raises ChannelAway."""
        with self._client() as client:
            self._check_template(client)

    def _check_template(self, client: httpx.Client) -> None:
        with _away():
            template = _document(_good(client.get(f"/v2/template/{self.template}", headers=self._token())))
        if LINK not in (template.get("personalisation") or {}):
            raise ChannelAway(f"the template at GOV.UK Notify has no field (({LINK}))")

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.base, timeout=self.timeout, trust_env=True)

    def _token(self) -> dict[str, str]:
        """Good for 30 seconds: made anew for each request."""
        token = jwt.encode({"iss": self.service, "iat": int(time.time())}, self.secret, algorithm="HS256")
        return {"Authorization": f"Bearer {token}"}


def _reference(key: str) -> str:
    return key.strip("<>")


def _document(response: httpx.Response) -> Mapping[str, Any]:
    """The answer's JSON object. Raises ValueError."""
    found = response.json()
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  (what json raises for what is none at all)
    return found


def _id(response: httpx.Response) -> str:
    """What they call the mail; empty if that can't be read, which makes it no less taken."""
    try:
        return str(_document(response).get("id", ""))
    except ValueError:
        return ""


def _created(notification: Mapping[str, Any]) -> datetime:
    moment = datetime.fromisoformat(str(notification["created_at"]))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _said(response: httpx.Response) -> str:
    """Their words in one line, without addresses."""
    try:
        errors = _document(response).get("errors", ())
        words = "; ".join(f"{each['error']}: {each['message']}" for each in errors)
    except (ValueError, KeyError, TypeError):
        words = ""
    return f"{response.status_code} {_ADDRESS.sub('[address]', words)}".strip()[:300]


def _refusal(response: httpx.Response) -> Undeliverable | ChannelAway | Uncertain:
    """What an answer other than 201 means. A server's error says nothing of whether the mail was taken before it."""
    said = _said(response)
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or response.is_success or response.is_redirect:
        return Uncertain(f"GOV.UK Notify answered {response.status_code} when it was handed the mail")
    messages = said.partition(" ")[2].split("; ")
    if response.status_code == httpx.codes.BAD_REQUEST and all(map(_is_about_this_mail, messages)):
        return Undeliverable(said)
    return _not_now(response)


def _is_about_this_mail(message: str) -> bool:
    return bool(_ABOUT_THIS_MAIL.search(message.partition(": ")[2]))


def _not_now(response: httpx.Response) -> ChannelAway:
    said = _said(response)
    wait = None
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        wait = _DAYS_LIMIT_WAIT if "for today" in said else _BUSY_WAIT
    return ChannelAway(f"GOV.UK Notify does not take mails now: {said}", wait)


def _good(response: httpx.Response) -> httpx.Response:
    if not response.is_success:
        raise _not_now(response)
    return response


@contextmanager
def _away() -> Iterator[None]:
    """Translates what goes wrong while nothing is handed over yet."""
    try:
        yield
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        raise ChannelAway(f"GOV.UK Notify can't be asked ({type(error).__name__})") from None


@contextmanager
def _uncertain() -> Iterator[None]:
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # not a byte of it has left
        raise ChannelAway(f"GOV.UK Notify can't be reached ({type(error).__name__})") from None
    except httpx.HTTPError as error:
        raise Uncertain(f"contact with GOV.UK Notify was lost in the hand-over ({type(error).__name__})") from None
