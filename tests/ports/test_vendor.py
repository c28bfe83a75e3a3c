"""A vendor's safety cases, read over real HTTP; whatever is not one is not known (L10)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from openai import OpenAI

from answerable.ports.unknown import NotKnown
from answerable.ports.vendor import OpenAICases, VendorCase
from tests.addresses import closed_port
from tests.vendor import KEY, VendorStandIn, vendor


@pytest.fixture
def stand_in() -> Iterator[VendorStandIn]:
    """Give a vendor that knows one case."""
    with vendor() as found:
        found.knows("C-abc123", "user-7", "warning", "cyber_abuse")
        yield found


def test_a_case_is_read(stand_in: VendorStandIn) -> None:
    """Whom it is about, what was done, why, and when."""
    found = OpenAICases(stand_in.url, KEY).fetch("C-abc123")
    at = datetime.fromtimestamp(1_777_550_400, UTC)
    assert found == VendorCase(identifier="user-7", kind="warning", reason="cyber_abuse", at=at)


def test_the_stand_in_speaks_as_the_vendors_own_client_expects(stand_in: VendorStandIn) -> None:
    """So that what passes here passes there."""
    with OpenAI(base_url=stand_in.url, api_key=KEY, max_retries=0) as client:
        found = client.safety.cases.retrieve("C-abc123")
    assert (found.entity_identifier, found.notice.type, found.reason) == ("user-7", "warning", "cyber_abuse")


def test_a_reference_cannot_lead_elsewhere(stand_in: VendorStandIn) -> None:
    """It is one step of the path, whatever stands in it."""
    OpenAICases(stand_in.url, KEY).fetch("../../v1/files?x=1")
    assert stand_in.asked == ["/v1/safety/cases/..%2F..%2Fv1%2Ffiles%3Fx%3D1"]


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_an_answer_that_is_no_case_is_not_known(stand_in: VendorStandIn, status: int) -> None:
    """Not found and not allowed are not "nothing": it was announced."""
    stand_in.status = status
    found = OpenAICases(stand_in.url, KEY).fetch("C-abc123")
    assert isinstance(found, NotKnown) and str(status) in found.reason


@pytest.mark.parametrize(
    "garbled",
    [
        b"",
        b"{",
        b"[]",
        b'{"id":"C-other","created_at":1,"entity_identifier":"u","notice":{"type":"warning"}}',
        b'{"id":"C-abc123","created_at":1,"entity_identifier":"","notice":{"type":"warning"}}',
        b'{"id":"C-abc123","created_at":1e300,"entity_identifier":"u","notice":{"type":"warning"}}',
        b'{"id":"C-abc123","created_at":99999999999999,"entity_identifier":"u","notice":{"type":"warning"}}',
        b"[" * 100_000,
        b'{"id":"C-abc123","entity_identifier":"' + b"u" * 70_000,
    ],
    ids=lambda found: found[:60].decode(),
)
def test_a_garbled_answer_is_not_known(stand_in: VendorStandIn, garbled: bytes) -> None:
    """Another case, nobody, no time, no end."""
    stand_in.garbled = garbled
    assert isinstance(OpenAICases(stand_in.url, KEY).fetch("C-abc123"), NotKnown)


def test_nobody_there_is_not_known() -> None:
    """The vendor is away."""
    url = closed_port()
    assert isinstance(OpenAICases(url, KEY).fetch("C-abc123"), NotKnown)
    assert isinstance(OpenAICases(url.replace("http:", "https:"), KEY).fetch("C-abc123"), NotKnown)
