"""Who is asking is proven, by token or by signature, or nothing happens."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from tests.running import Answer, House, serving

SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes....").decode()
HOOK = '\n[[operators]]\nid = "vendor-1"\nscopes = ["signals"]\nwebhook_secret_env = "VENDOR_SECRET"\n'
FLAG = {"user": "user-7", "model": "m", "version": "1", "label": "x", "hazard": "threat"}


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Serve a record to a vendor who signs."""
    with serving(tmp_path_factory.mktemp("signed"), more=HOOK, environment={"VENDOR_SECRET": SECRET}) as found:
        yield found


def send(
    house: House, body: bytes, *, key: str = "msg_1", old: timedelta = timedelta(0), other: dict[str, str] | None = None
) -> Answer:
    """Send a body signed as a vendor would."""
    at = datetime.now(UTC) - old
    headers = {
        "webhook-id": key,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(key, at, body.decode()),
    }
    return house.call("POST", "/v1/signals", body, headers=headers | (other or {}))


def test_a_good_signature_is_taken(signed: House) -> None:
    """Standard Webhooks: signed by the vendor's secret, idempotent by the message's id."""
    body = json.dumps(FLAG).encode()
    one, two = send(signed, body), send(signed, body)
    assert (one.status, two.status) == (201, 200)
    assert one.json["id"] == two.json["id"]


@pytest.mark.parametrize(
    "other",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "v1"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,not base64!"},
        {"webhook-id": "msg_other"},
        {"webhook-timestamp": "yesterday"},
        {"webhook-timestamp": "1e400"},
    ],
)
def test_a_bad_signature_is_refused(signed: House, other: dict[str, str]) -> None:
    """A signature that does not fit its message proves nothing."""
    answer = send(signed, json.dumps(FLAG).encode(), key="msg_bad", other=other)
    assert (answer.status, answer.code) == (401, "not_authenticated")


def test_an_old_signature_is_refused(signed: House) -> None:
    """What was recorded on the way cannot be played again later."""
    assert send(signed, json.dumps(FLAG).encode(), key="msg_old", old=timedelta(minutes=6)).status == 401
    assert send(signed, json.dumps(FLAG).encode(), key="msg_new", old=timedelta(minutes=-6)).status == 401


def test_a_signature_opens_only_its_scope(signed: House) -> None:
    """Who may send signals may not speak as if a person had warned."""
    at, body = datetime.now(UTC), json.dumps({"text": "x", "id": "n"}).encode()
    headers = {
        "webhook-id": "m",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("m", at, body.decode()),
    }
    answer = signed.call("POST", "/v1/notices", body, headers=headers)
    assert (answer.status, answer.code) == (403, "not_authorised")


ASKED = [
    ("POST", "/v1/signals"),
    ("POST", "/v1/notices"),
    ("POST", "/v1/accounts"),
    ("POST", "/v1/entitlements"),
    ("GET", "/v1/feed"),
    ("POST", "/v1/exchanges"),
    ("POST", "/v1/gaps"),
    ("POST", "/v1/confirmations"),
    ("GET", "/v1/cases"),
    ("GET", "/v1/cases/case_x"),
    ("POST", "/v1/cases/case_x/views"),
    ("POST", "/v1/cases/case_x/decisions"),
    ("POST", "/v1/cases/case_x/withdrawals"),
    ("GET", "/v1/links"),
    ("GET", "/v1/sources"),
    ("GET", "/v1/tenant/references"),
    ("POST", "/v1/tenant/references/ask_x/receipts"),
    ("POST", "/v1/tenant/references/ask_x/answers"),
    ("POST", "/v1/sources/x/confirmations"),
    ("POST", "/v1/recalls"),
    ("POST", "/v1/recalls/rc_x/signatures"),
    ("POST", "/v1/recalls/rc_x/releases"),
    ("POST", "/v1/links/ln_x/confirmations"),
]


@pytest.mark.parametrize(("method", "path"), ASKED)
@pytest.mark.parametrize("token", [None, "Bearer", "Bearer wrong", "Basic abc", "Bearer \u00ff"])
def test_nothing_without_a_token(house: House, method: str, path: str, token: str | None) -> None:
    """No way in opens without proof of who is asking."""
    headers = {"Authorization": token} if token else {}
    answer = house.call(method, path, {} if method == "POST" else None, headers=headers)
    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("who", "method", "path"),
    [
        ("lead-1", "POST", "/v1/signals"),
        ("gate", "POST", "/v1/signals"),
        ("gate", "GET", "/v1/cases"),
        ("classifier-1", "GET", "/v1/cases"),
        ("lead-1", "GET", "/v1/feed"),
        ("classifier-1", "POST", "/v1/exchanges"),
        ("classifier-1", "POST", "/v1/accounts"),
        ("billing-1", "POST", "/v1/signals"),
    ],
)
def test_a_token_opens_its_own_doors_only(house: House, who: str, method: str, path: str) -> None:
    """Staff, machines and gates have each their own ways in."""
    answer = house.call(method, path, {} if method == "POST" else None, who=who)
    assert answer.status in {401, 403}
