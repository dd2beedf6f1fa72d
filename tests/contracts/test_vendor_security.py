"""Every vendor believes only the holder of a secret: the same attacks on each vendor of the registry.

They start from the genuine samples, and are made by the scheme of each (`tests.builders.vendor_samples`).
"""

import ast
import base64
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import standardwebhooks
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.intake import vendors
from services.intake.core import schemes
from services.intake.core.door import judge
from services.intake.core.errors import Unreadable
from services.intake.core.polling import Polled
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import Refusal, Refused, RequestNeeded, Secrets, Verified
from services.intake.vendors import VENDORS
from tests.builders.vendor_samples import SIGNED, Sample, genuine, kind_of_proof, with_header

EMPTY = ["", " ", ",", "\n", " , \r\n,"]


def over(*proofs: str) -> pytest.MarkDecorator:
    """Over the genuine samples of these schemes; of all, if none is named."""
    chosen = [sample for sample in genuine() if not proofs or sample.scheme in proofs]
    return pytest.mark.parametrize("sample", chosen, ids=[f"{each.name} {kind_of_proof(each)}" for each in chosen])


def test_the_attacks_start_from_every_vendor() -> None:
    assert {sample.vendor for sample in genuine()} == {
        name for name in VENDORS if not isinstance(VENDORS[name], Polled)
    }


@pytest.mark.parametrize("vendor", [name for name in VENDORS if isinstance(VENDORS[name], Polled)])
@pytest.mark.parametrize("secret", ["", "secret"])
def test_of_a_tool_that_is_polled_nobody_is_believed_at_the_door(vendor: str, secret: str) -> None:
    for method in ("POST", "POLL", "GET"):
        sent = RawRequest(b"{}", (("Authorization", "Bearer secret"), ("Talentline-Form", "1")), method, "secret")
        assert isinstance(judge(VENDORS[vendor], sent, Secrets(secret), NOW), Refused)


@over()
def test_the_genuine_sample_is_believed(sample: Sample) -> None:
    assert sample.verdict() == Verified()


@over()
def test_a_wrong_secret_is_refused(sample: Sample) -> None:
    for wrong in (f"{sample.secret}x", sample.secret[:-1], sample.secret.swapcase(), "x", "whsec_eA==", "whpk_eA=="):
        assert wrong == sample.secret or isinstance(sample.verdict(secret=wrong), Refused), wrong


@over()
@pytest.mark.parametrize("empty", EMPTY)
def test_an_empty_secret_refuses_everything(sample: Sample, empty: str) -> None:
    for request in (sample.request, sample.proven_by(), sample.proven_by(""), sample.proven_by(empty or " ")):
        assert sample.verdict(request, empty) == Refused(Refusal.SECRET_NOT_SET)
        assert isinstance(sample.plugin.verify(request, Secrets(empty), sample.recorded.now), Refused)


@over(*SIGNED)
def test_a_signature_with_an_empty_key_is_refused(sample: Sample) -> None:
    for key in (b"", sample.auth.get("client_id", "").encode() + b"&"):
        forged = sample.signed_with(key, sample.auth.get("algorithm", "sha256"))
        for secret in (*EMPTY, sample.secret):
            assert isinstance(sample.verdict(forged, secret), Refused)


@over(*SIGNED)
def test_a_changed_body_is_refused(sample: Sample) -> None:
    body = sample.request.body
    start = body.index(b"MSG=") + 4 if sample.scheme == "hmac_form_field" else 0
    for place in (start, start + 20, start + 60):
        changed = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        assert isinstance(sample.verdict(replace(sample.request, body=changed)), Refused)
    if sample.scheme != "hmac_form_field":  # there only the signed field is read at all
        for other in (b"", body + b" ", body[:-1], body + body):
            assert isinstance(sample.verdict(replace(sample.request, body=other)), Refused)


@over()
def test_a_missing_proof_is_refused(sample: Sample) -> None:
    for bare in (sample.proven_by(), sample.proven_by("")):
        assert isinstance(sample.verdict(bare), Refused)


@over()
def test_a_malformed_proof_is_refused(sample: Sample) -> None:
    good = sample.proof
    for bad in (
        " ",
        "=",
        "sha256",
        "sha256=",
        "v1,",
        "v1a,",
        "v1",
        "Basic",
        "Basic =",
        "Basic Og==",
        "Bearer",
        "Bearer ",
        "Bearer a.b.c",
        "Bearer ..",
        good[:-2],
        good[1:],
        f"{good}x",
        f"x{good}",
        good[::-1],
        "é\udcff",
        "\x00",
        "a" * 10_000,
        f"Bearer {'a' * 10_000}",
        "v1,a " * 2_000,
    ):
        assert isinstance(sample.verdict(sample.proven_by(bad)), Refused), bad


@over(*SIGNED)
def test_another_hash_than_agreed_is_refused(sample: Sample) -> None:
    agreed = sample.auth.get("algorithm", "sha256")
    assert sample.auth.get("public_keys") or sample.verdict(sample.signed_with(sample.key, agreed)) == Verified()
    for algorithm in {"md5", "sha1", "sha256", "sha512"} - {agreed}:
        assert isinstance(sample.verdict(sample.signed_with(sample.key, algorithm)), Refused)


@over("standard_webhooks")
def test_a_signed_time_that_is_stale_or_in_the_future_is_refused(sample: Sample) -> None:
    sent = datetime.fromtimestamp(int(sample.request.header("webhook-timestamp")[0]), UTC)
    for near in (-299, -1, 0, 1, 299):
        assert sample.verdict(now=sent + timedelta(seconds=near)) == Verified()
    for far in (-3600, -301, 301, 3600, 10**9):
        verdict = sample.verdict(now=sent + timedelta(seconds=far))
        assert verdict == Refused(Refusal.TIMESTAMP_OUT_OF_TOLERANCE)


@over("oidc_jwt")
def test_a_token_that_is_over_or_not_yet_valid_is_refused(sample: Sample) -> None:
    for far in (-7200, 7200, 10**9):
        verdict = sample.verdict(now=sample.recorded.now + timedelta(seconds=far))
        assert verdict == Refused(Refusal.JWT_EXPIRED)


SIGNS_NO_TIME = {
    "hmac_header": "the vendor signs the body and nothing else",
    "hmac_form_field": "the vendor signs one field of the form",
    "header_token": "a token proves the sender, not the moment",
    "basic": "a password proves the sender, not the moment",
    "bearer": "a token proves the sender, not the moment",
    "path_token": "the address proves the sender, not the moment",
    "body_token": "a token in the body proves the sender, not the moment",
}
"""Why a stale or future time can't be refused. What comes again is stored once (`test_vendor_door`), and an old state
of a response does not replace a newer one (`test_vendors`)."""


@over()
def test_each_scheme_signs_a_time_or_it_is_said_why_not(sample: Sample) -> None:
    if sample.scheme in {"standard_webhooks", "oidc_jwt"}:
        return
    assert SIGNS_NO_TIME[sample.scheme]
    assert sample.verdict(now=sample.recorded.now + timedelta(days=3650)) == Verified()


@over("standard_webhooks")
def test_a_time_that_is_none_is_refused(sample: Sample) -> None:
    for bad in ("soon", "1e9", "-1", "١٧٧٣", "1773221398.0", "9" * 400, "0x1", "1_7"):
        assert sample.verdict(with_header(sample.request, "webhook-timestamp", bad)) == Refused(
            Refusal.MALFORMED_TIMESTAMP
        )


@over("standard_webhooks")
def test_the_message_id_and_the_time_are_signed(sample: Sample) -> None:
    sent = int(sample.request.header("webhook-timestamp")[0])
    for name, value in (("webhook-id", "another"), ("webhook-timestamp", str(sent + 1))):
        assert sample.verdict(with_header(sample.request, name, value)) == Refused(Refusal.SIGNATURE_MISMATCH)


@over()
def test_the_case_of_header_names_makes_no_difference(sample: Sample) -> None:
    for change in (str.lower, str.upper, str.swapcase, str.title):
        headers = tuple((change(name), value) for name, value in sample.request.headers)
        assert sample.verdict(replace(sample.request, headers=headers)) == Verified()


@over()
@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/json; charset=utf-8", "APPLICATION/JSON", "image/png", "é", ";;=,"]
)
def test_the_content_type_proves_nothing_and_breaks_nothing(sample: Sample, content_type: str) -> None:
    request = with_header(sample.request, "Content-Type", content_type)
    assert isinstance(sample.verdict(request), Verified | Refused)
    if sample.scheme != "hmac_form_field":
        assert sample.verdict(request) == Verified()
        assert isinstance(sample.verdict(replace(request, body=b"")), Verified | Refused)


@over("hmac_header", "header_token", "basic", "bearer", "oidc_jwt")
def test_of_several_proofs_one_that_is_right_is_enough_and_none_is_not(sample: Sample) -> None:
    good = sample.proof
    wrong = good[:10] + ("A" if good[10] != "A" else "B") + good[11:]
    assert sample.verdict(sample.proven_by(wrong, good)) == Verified()
    assert sample.verdict(sample.proven_by(good, wrong)) == Verified()
    assert isinstance(sample.verdict(sample.proven_by(wrong, wrong)), Refused)


@over("standard_webhooks")
def test_of_several_signatures_in_one_header_one_that_is_right_is_enough(sample: Sample) -> None:
    good = sample.proof
    for several in (f"v1,AAAA {good}", f"{good} v1,AAAA", f"v2,x v1,!! v1a,?? {good}", f"  {good}  "):
        assert sample.verdict(sample.proven_by(several)) == Verified()
    assert isinstance(sample.verdict(sample.proven_by("v1,AAAA v1a,AAAA v2,BBBB")), Refused)


@over()
def test_during_a_rotation_the_old_and_the_new_secret_are_valid(sample: Sample) -> None:
    for both in (f"{sample.secret},another", f"another, {sample.secret}", f"another\n{sample.secret}\n"):
        assert sample.verdict(secret=both) == Verified()
    assert isinstance(sample.verdict(secret="another,third"), Refused)


@over()
def test_every_secret_is_compared_in_constant_time(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    if sample.auth.get("public_keys"):
        return  # a public key is no secret
    compared: list[int] = []
    genuine_comparison = hmac.compare_digest

    def counting(left: Any, right: Any) -> bool:
        compared.append(1)
        return genuine_comparison(left, right)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    others = "whsec_YWFhYQ==,whsec_YmJiYg=="
    sample.verdict(secret=f"{sample.secret},{others}")
    assert len(compared) >= 3


def sources() -> Iterator[Path]:
    yield from Path(str(vendors.__file__)).parent.rglob("*.py")
    yield from Path(str(schemes.__file__)).parent.glob("*.py")


def test_no_vendor_and_no_scheme_compares_a_secret_by_itself() -> None:
    watched = ("signature", "digest", "hmac", "secret", "token", "password")
    for source in sources():
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn):
                compared = ast.unparse(node)
                is_verdict = "Refused(Refusal." in compared
                assert is_verdict or not any(word in compared.lower() for word in watched), compared


def test_a_secret_is_not_shown() -> None:
    assert "hush" not in f"{Secrets('hush', 'hush')!r}{Secrets('hush', 'hush')}"


# Standard Webhooks: signed by the published library, and by another key pair


def message(body: bytes, **headers: str) -> RawRequest:
    return RawRequest(body, tuple((f"webhook-{name}", value) for name, value in headers.items()))


NOW = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))


def test_what_the_published_library_signs_is_believed() -> None:
    secret = f"whsec_{base64.b64encode(b'k' * 24).decode()}"
    body = '{"type": "x", "text": "grüße"}'
    signature = standardwebhooks.Webhook(secret).sign("msg_1", NOW, body)
    request = message(body.encode(), id="msg_1", timestamp=STAMP, signature=signature)
    for vendor in ("standardwebhooks", "formbricks", "google_apps_script"):
        assert VENDORS[vendor].verify(request, Secrets(secret), NOW) == Verified()
        old = replace(request, headers=tuple((name.replace("webhook", "svix"), each) for name, each in request.headers))
        assert VENDORS[vendor].verify(old, Secrets(secret), NOW) == Verified()


def test_a_public_key_verifies_its_own_signatures_and_is_no_shared_secret() -> None:
    pair = Ed25519PrivateKey.generate()
    raw = pair.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    public = Secrets(f"whpk_{base64.b64encode(raw).decode()}")
    content = f"msg_1.{STAMP}.{{}}".encode()
    by_curve = base64.b64encode(pair.sign(content)).decode()
    by_hash = base64.b64encode(hmac.digest(raw, content, "sha256")).decode()

    def verdict(signature: str) -> Verified | Refused:
        request = message(b"{}", id="msg_1", timestamp=STAMP, signature=signature)
        return VENDORS["standardwebhooks"].verify(request, public, NOW)

    assert verdict(f"v1a,{by_curve}") == Verified()
    for confused in (f"v1,{by_curve}", f"v1,{by_hash}", f"v1a,{by_hash}", by_curve):
        assert verdict(confused) == Refused(Refusal.SIGNATURE_MISMATCH)


# Tokens that Google signs


def test_a_token_signed_in_another_way_than_agreed_is_refused() -> None:
    (sample,) = (each for each in genuine() if each.scheme == "oidc_jwt")
    claims = jwt.decode(sample.proof.removeprefix("Bearer "), options={"verify_signature": False})
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kid = {"kid": "cmkid01"}
    public = json.loads(sample.recorded.secrets.keys)["keys"][0]["n"]
    refusals = {
        jwt.encode(claims, "", algorithm="none", headers=kid): Refusal.JWT_ALG,
        jwt.encode(claims, public, algorithm="HS256", headers=kid): Refusal.JWT_ALG,
        jwt.encode(claims, stranger, algorithm="RS384", headers=kid): Refusal.JWT_ALG,
        jwt.encode(claims, stranger, algorithm="RS256", headers=kid): Refusal.JWT_BAD_SIGNATURE,
        jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": "other"}): Refusal.JWT_UNKNOWN_KEY,
        jwt.encode(claims, stranger, algorithm="RS256"): Refusal.JWT_UNKNOWN_KEY,
    }
    for token, refusal in refusals.items():
        assert sample.verdict(sample.proven_by(f"Bearer {token}")) == Refused(refusal)


def test_a_token_of_google_must_be_for_this_address_of_this_account_and_of_now() -> None:
    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    keys = json.dumps({"keys": [json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(pair.public_key())) | {"kid": "k"}]})
    vendor = VENDORS["google_forms_pubsub"].configured({"audience": "https://us.example.org"})
    second = int(NOW.timestamp())
    good = {
        "iss": "https://accounts.google.com",
        "aud": "https://us.example.org",
        "email": "push@example.org",
        "email_verified": True,
        "iat": second,
        "exp": second + 3600,
    }

    def verdict(secret: str = "push@example.org", **changes: Any) -> Verified | Refused:
        claims = {name: value for name, value in (good | changes).items() if value is not None}
        token = jwt.encode(claims, pair, algorithm="RS256", headers={"kid": "k"})
        request = RawRequest(b"{}", (("Authorization", f"Bearer {token}"),))
        return vendor.verify(request, Secrets(secret, keys), NOW)

    assert verdict() == Verified()
    assert verdict(secret="old@example.org, push@example.org") == Verified()
    assert verdict(exp=second - 11) == Refused(Refusal.JWT_EXPIRED)
    assert verdict(iat=second + 11, exp=second + 99) == Refused(Refusal.JWT_EXPIRED)
    assert verdict(exp=None) == Refused(Refusal.JWT_MALFORMED)
    assert verdict(iat="now") == Refused(Refusal.JWT_MALFORMED)
    assert verdict(iss="https://example.org") == Refused(Refusal.JWT_ISSUER)
    for audience in ("", None, ["https://us.example.org"], "https://us.example.org/"):
        assert verdict(aud=audience) == Refused(Refusal.JWT_AUDIENCE)
    for email in ("", None, "other@example.org", ["push@example.org"]):
        assert verdict(email=email) == Refused(Refusal.JWT_EMAIL)
    assert verdict(email_verified="true") == Refused(Refusal.JWT_EMAIL)


def test_without_the_senders_public_keys_nothing_is_believed_and_it_is_our_fault() -> None:
    (sample,) = (each for each in genuine() if each.scheme == "oidc_jwt")
    verdict = sample.plugin.verify(sample.request, Secrets(sample.secret), sample.recorded.now)
    assert verdict == Refused(Refusal.KEYS_NOT_KNOWN)
    for broken in ("{", "[]", '{"keys": 7}', '{"keys": [{}]}', '{"keys": []}'):
        assert sample.plugin.verify(sample.request, Secrets(sample.secret, broken), sample.recorded.now) == Refused(
            Refusal.JWT_UNKNOWN_KEY
        )


# What is asked of an API


@over()
def test_only_the_connections_own_host_is_ever_asked(sample: Sample) -> None:
    for needed in sample.asked():
        host = needed.url.removeprefix("https://").partition("/")[0]
        assert needed.url.startswith("https://")
        assert host in sample.plugin.api_hosts
        assert sample.secret not in needed.url


@pytest.mark.parametrize("evil", ["../../me", "a/b", "a?b=c", "a#b", "@example.org", "a b", "{token}", ".", "%2e%2e"])
def test_an_id_that_could_lead_elsewhere_is_not_put_into_an_address(evil: str) -> None:
    thin = [sample for sample in genuine() if sample.recorded.api]
    assert len(thin) >= 5
    for sample in thin:
        name = sample.expected.get("response_id") or sample.expected["form_id"]
        body = sample.request.body.replace(str(name).encode(), evil.encode())
        assert body != sample.request.body
        for needed in asked_of(sample, body):
            assert evil not in needed


def asked_of(sample: Sample, body: bytes) -> Iterator[str]:
    try:
        reading = sample.plugin.read(replace(sample.request.kept, body=body))
    except Unreadable:
        return
    if isinstance(reading, RequestNeeded):
        yield reading.url
