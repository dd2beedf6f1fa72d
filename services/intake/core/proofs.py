"""What vendors have in common that prove themselves in the same way: believing, naming and probing a delivery."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from services.intake.core import probing
from services.intake.core.json_body import text_at
from services.intake.core.schemes import standard_webhooks, tokens
from services.intake.core.schemes.hmac_signature import HmacHeader
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import Refused, Secrets, Verified
from services.intake.core.webhook import Webhook


@dataclass(frozen=True)
class SignedBody(Webhook):
    """A keyed hash of the raw body in a header, and no time: what comes again is stopped by its id, if it has one."""

    signature: ClassVar[HmacHeader]
    id_field: ClassVar[str] = ""
    """The member of the body that names the delivery, the same in every retry; empty: none does."""

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The signature covers the raw body and no time."""
        return self.signature.verify(request, secrets)

    def delivery_id(self, request: RawRequest) -> str | None:
        """The event's id."""
        return text_at(request.body, self.id_field) if self.id_field else None

    def probe(self, mark: str, secrets: Secrets, now: datetime) -> RawRequest | None:  # noqa: ARG002
        """Signed as the tool signs."""
        body = probing.body_of(mark)
        return RawRequest(body, (probing.JSON, self.signature.signed(body, secrets.each[0])))


@dataclass(frozen=True)
class SignedMessage(Webhook):
    """Standard Webhooks: id, time and body are signed together."""

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:
        """The signature covers id, time and body."""
        return standard_webhooks.verify(request, secrets, now)

    def delivery_id(self, request: RawRequest) -> str | None:
        """The message id, the same in every retry."""
        return standard_webhooks.message_id(request)

    def probe(self, mark: str, secrets: Secrets, now: datetime) -> RawRequest | None:
        """Signed as the sender signs."""
        return standard_webhooks.probe(mark, secrets, now)


@dataclass(frozen=True)
class SecretAddress(Webhook):
    """Nothing is signed: the last segment of the address is the secret, and the delivery is a form."""

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:  # noqa: ARG002
        """The sender knows the address."""
        return tokens.in_path(request, secrets)

    def probe(self, mark: str, secrets: Secrets, now: datetime) -> RawRequest | None:  # noqa: ARG002
        """With the token at the end of the address."""
        return RawRequest(f"{probing.FIELD}={mark}".encode(), (probing.FORM,), path=secrets.each[0])
