"""What vendors say, read by shape and by pointers, and what it means here."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.app import AccountIn, Announced, Identifier, IdentifierKind, Intake, Reported, read_event
from answerable.app.identifying import account_text
from answerable.app.vendors import announce, take, unread, whose
from answerable.config import VendorKind, WebhookTable
from answerable.core.facts import (
    AccountsLinked,
    CaseId,
    CaseOpened,
    Hazard,
    MeasureAdopted,
    Party,
    PartyKnown,
    SignalRaised,
    SubjectSeen,
    VendorNoticed,
    VendorNoticeUnread,
)
from answerable.errors import BadInput
from answerable.ports.folder import Folder
from answerable_gate import alias
from tests.work.memory import InMemory, in_memory

OPENAI = WebhookTable(name="openai", secret_env="S", format="openai", key_env="K")
OTHER = WebhookTable(
    name="other", secret_env="S", account="/data/user", kind="/type", id="/id", reason="/data/why", at="/when",
    kinds={"user.banned": VendorKind(adopts=True), "stalking": VendorKind(hazard=Hazard.STALKING)},
)  # fmt: skip
AT = datetime(2026, 4, 30, 11, 0, tzinfo=UTC)
WARNING = {
    "id": "evt_1", "object": "event", "created_at": int(AT.timestamp()), "type": "safety.warning_issued",
    "data": {"id": "C-abc123"},
}  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> InMemory:
    """Give a house."""
    return in_memory(tmp_path)


def facts(house: InMemory, *kinds: type) -> list[Any]:
    """Return the facts of some kinds."""
    return [one.fact for one in house.store.all_recorded() if isinstance(one.fact, kinds)]


def reported(identifier: str = "user-7", kind: str = "warning", reason: str | None = None) -> Reported:
    """Say what a vendor reports."""
    return Reported(vendor="openai", id=f"{kind}:C-1", identifier=identifier, kind=kind, reason=reason, at=AT)


def test_openais_events_are_read() -> None:
    """Warning and deactivation are announced; a block says all itself; the rest concerns nobody here."""
    assert read_event(OPENAI, WARNING, "wh_1") == Announced(
        vendor="openai", key="wh_1", reference="C-abc123", kind="warning", at=AT
    )
    off = read_event(OPENAI, WARNING | {"type": "safety.deactivation_issued"}, "wh_1")
    assert isinstance(off, Announced) and off.kind == "deactivation"
    data = {"safety_identifier": "user-7", "safety_category": "bio"}
    assert read_event(OPENAI, WARNING | {"type": "safety_identifier.blocked", "data": data}, "wh_1") == Reported(
        vendor="openai", id="blocked:wh_1", identifier="user-7", kind="blocked", reason="bio", at=AT
    )
    for kind in ("batch.completed", None, 7, ["safety.warning_issued"]):
        assert read_event(OPENAI, WARNING | {"type": kind}, "wh_1") is None


@pytest.mark.parametrize("data", [None, {}, {"id": ""}, {"id": 7}, {"id": "two words"}, {"id": "C" * 129}, []])
def test_an_announcement_of_nothing_is_refused(data: object) -> None:
    """The vendor sends it again, and somebody sees that it fails."""
    with pytest.raises(BadInput):
        read_event(OPENAI, WARNING | {"data": data}, "wh_1")


def test_another_vendors_event_is_read_by_pointers() -> None:
    """RFC 6901, into lists and with its two escapes; without an id the delivery's own counts."""
    event = {"id": "e1", "type": "user.banned", "when": "2026-04-30T11:00:00.000000Z",
             "data": {"user": "user-7", "why": "stalking"}}  # fmt: skip
    assert read_event(OTHER, event, "wh_1") == Reported(
        vendor="other", id="e1", identifier="user-7", kind="user.banned", reason="stalking", at=AT
    )
    odd = WebhookTable(name="odd", secret_env="S", account="/a~1b/0/~0", kind="/t")
    assert read_event(odd, {"a/b": [{"~": "u"}], "t": "k"}, "wh_1") == Reported(
        vendor="odd", id="wh_1", identifier="u", kind="k", reason=None, at=None
    )


@pytest.mark.parametrize("change", [{"data": {}}, {"data": "user-7"}, {"data": []}, {"type": None}, {"id": 5}])
def test_an_event_that_lacks_what_is_pointed_at_is_refused(change: dict[str, object]) -> None:
    """Whom or what it is about cannot be guessed."""
    event = {"id": "e1", "type": "user.banned", "data": {"user": "user-7"}}
    with pytest.raises(BadInput):
        read_event(OTHER, event | change, "wh_1")


@pytest.mark.parametrize("when", [None, "yesterday", 1e300, True, [], "2026-04-30"])
def test_a_time_that_is_none_keeps_nothing_out(when: object) -> None:
    """It is then of now, for its clocks run from here anyway."""
    found = read_event(OTHER, {"id": "e1", "type": "t", "when": when, "data": {"user": "u"}}, "wh_1")
    assert isinstance(found, Reported) and found.at is None


def test_an_announcement_is_kept_once_and_asked_for(house: InMemory) -> None:
    """Two deliveries of one notice are one; its warning and its deactivation are two."""
    came = read_event(OPENAI, WARNING, "wh_1")
    again = read_event(OPENAI, WARNING, "wh_2")
    off = read_event(OPENAI, WARNING | {"type": "safety.deactivation_issued"}, "wh_3")
    assert isinstance(came, Announced) and isinstance(again, Announced) and isinstance(off, Announced)
    acts = house.answerable.acts
    assert [announce(acts, one) for one in (came, came, again, off, off)] == [False, True, True, False, True]
    kept = facts(house, VendorNoticed)
    assert [(one.reference, one.kind, one.seen) for one in kept] == [
        ("C-abc123", "warning", AT), ("C-abc123", "deactivation", AT)
    ]  # fmt: skip
    now = acts.now(house.store.high_water())
    waiting = [one.outgoing.body for one in house.store.claim(now, now, 10) if one.outgoing.topic == "vendor"]
    assert [one["notice"] for one in waiting] == [one.notice for one in kept]
    for _ in range(2):
        unread(acts, vendor="openai", notice=kept[0].notice)
    assert len(facts(house, VendorNoticeUnread)) == 1


def test_a_warning_is_one_flag_and_a_deactivation_is_held(house: InMemory) -> None:
    """E1 and no more for what a machine's owner says; what it refuses is refused here."""
    intake = house.answerable.intake
    warned = take(intake, OPENAI, reported(reason="cyber_abuse"), whose(intake, OPENAI, "user-7"))
    (signal,) = facts(house, SignalRaised)
    assert (signal.source, signal.label, signal.hazard, signal.seen) == (
        "webhook:openai", "cyber_abuse", Hazard.OTHER, AT
    )  # fmt: skip
    assert not facts(house, MeasureAdopted)
    off = reported(kind="deactivation")
    for _ in range(2):
        take(intake, OPENAI, off, whose(intake, OPENAI, "user-7"))
    (held,) = facts(house, MeasureAdopted)
    assert (held.standing.level.word, held.source, held.case) == ("suspended", "webhook:openai", warned.case)
    assert len(facts(house, SignalRaised)) == 2
    assert len(facts(house, CaseOpened)) == 1


def test_the_file_says_what_a_word_means(house: InMemory) -> None:
    """A reason's hazard goes before its kind's; no plain word is kept sealed; unknown words are flags as well."""
    intake = house.answerable.intake
    for number, (kind, reason) in enumerate((("user.banned", "stalking"), ("a kind", "zwei Wörter"))):
        came = Reported(vendor="other", id=f"e{number}", identifier="user-7", kind=kind, reason=reason, at=None)
        take(intake, OTHER, came, whose(intake, OTHER, "user-7"))
    one, two = facts(house, SignalRaised)
    assert (one.hazard, one.label, one.version) == (Hazard.STALKING, "stalking", "user.banned")
    assert (two.hazard, two.label, two.version, two.label_text is None) == (Hazard.OTHER, None, "other", False)
    (held,) = facts(house, MeasureAdopted)
    assert (held.hazard, held.label) == (Hazard.STALKING, "stalking")


def test_an_alias_that_the_gateway_told_the_model_leads_to_the_account(house: InMemory) -> None:
    """Known before or seen later: it is the same subject, and every gate knows it by the alias at once."""
    table = WebhookTable(name="openai", secret_env="S", format="openai", key_env="K", identifier="alias")
    intake, key = house.answerable.intake, house.answerable.acts.keyring.gate
    for account, before in (("user-before", True), ("user-after", False)):
        if before:
            house.flag(f"s-{account}", account)
        told = alias(key, account).hex()
        warned = take(intake, table, reported(told, kind=f"warning-{account}"), whose(intake, table, told))
        later = house.flag(f"t-{account}", account)
        assert later.case == warned.case, account
        with house.answerable.acts.open("test", ()) as act:
            subject = house.store.case_row(CaseId(later.case or ""))
            assert subject is not None
            assert account_text(act, subject.subject) == account, "its history and its data are asked under no name"
    assert len(facts(house, SubjectSeen)) == 2
    aliases = {name for line in house.store.feed(0, 10) for name in line.entry.aliases}
    assert aliases == {alias(key, account).hex() for account in ("user-before", "user-after")}
    named = take(intake, table, reported("no-alias", kind="k"), whose(intake, table, "no-alias"))
    assert named.case == house.flag("u", "no-alias").case


def test_an_end_user_known_by_an_alias_first_is_his_tenants_once_he_is_named(house: InMemory) -> None:
    """Who he is was not known then; what is decided for the tenant's end users is about him as well from now on."""
    table = WebhookTable(name="openai", secret_env="S", format="openai", key_env="K", identifier="alias")
    intake = house.answerable.intake
    acme = house.answerable.see_account(AccountIn(account="acme", identifiers=(), party=Party.ORGANISATION))
    told = alias(house.answerable.acts.keyring.gate, "acme/u-7").hex()
    warned = take(intake, table, reported(told), whose(intake, table, told))
    assert house.flag("s", "acme/u-7").case == warned.case
    assert [(one.party, one.tenant) for one in facts(house, PartyKnown)] == [
        (Party.ORGANISATION, None), (Party.END_USER, acme.id)
    ]  # fmt: skip


def test_an_identifier_that_nobody_knows_stays_open_and_is_linked_later(house: InMemory) -> None:
    """The case stands at once, under the only name there is; an account that bears it is linked for a person to see."""
    intake = house.answerable.intake
    warned = take(intake, OPENAI, reported("opaque-91"), whose(intake, OPENAI, "opaque-91"))
    known = house.store.case_row(CaseId(warned.case or ""))
    assert known is not None
    borne = (Identifier(IdentifierKind.HANDLE, "opaque-91"),)
    seen = house.answerable.see_account(AccountIn(account="user-7", identifiers=borne, verified_at=AT))
    (link,) = {one.link: one for one in facts(house, AccountsLinked)}.values()
    assert {link.subject, link.other} == {known.subject, seen.id}
    assert not link.strong


def test_an_identifier_that_the_directory_knows_is_its_accounts(tmp_path: Path, house: InMemory) -> None:
    """As a handle, or as the account's own name; where the directory is away the notice is taken all the same."""
    accounts = tmp_path / "accounts.jsonl"
    intake = Intake(
        house.answerable.acts, house.answerable.intake.index, directory=Folder(tmp_path), entitlements=None
    )
    assert whose(intake, OPENAI, "opaque-91").account == "opaque-91", "the directory is away"
    accounts.write_text('{"account":"user-7","handles":["opaque-91"]}\n')
    assert whose(intake, OPENAI, "opaque-91").account == "user-7"
    assert whose(intake, OPENAI, "user-7").account == "user-7"
    assert whose(intake, OPENAI, "opaque-92").account == "opaque-92"


KEYS = st.sampled_from(["id", "type", "data", "user", "why", "when", "created_at", "safety_identifier", "0"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(event=st.dictionaries(KEYS, JSON, max_size=6))
def test_whatever_a_vendor_sends_is_read_or_refused(event: dict[str, Any]) -> None:
    """No event is a fault of ours: it is one of the three, or bad input."""
    for table in (OPENAI, OTHER):
        with suppress(BadInput):
            assert isinstance(read_event(table, event, "wh_1"), Announced | Reported | None)
