"""The outbox: messages written with their facts leave the house, each under its idempotency key, until they arrive.

Law: a letter may arrive twice and is never lost; what no carrier takes is at least in the log, loudly (L5).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta

from answerable.app import Answerable
from answerable.app.effects import ANSWER, ATTEMPT, HOLD, PAGE, RECEIPT, RELEASE, VENDOR
from answerable.core.facts import CaseId, NoticeId
from answerable.edge import parse_time
from answerable.ports.notifier import Delivery, DeliveryState, Letter, Notifier
from answerable.ports.preserve import Preserve
from answerable.store.protocol import Claimed, Outgoing
from answerable.work import letters
from answerable.work.keeping import Keeper
from answerable.work.vendors import Vendor, fetch

AT_ONCE = 50
LEASE = timedelta(seconds=60)
SEND_S_MAX = 30.0
RETRIES = tuple(timedelta(seconds=s) for s in (1, 2, 5, 10, 30, 60, 120, 300))
RETRY_MAX = timedelta(minutes=15)

_TO_STORES = (HOLD, RELEASE)
_AFTER = (*_TO_STORES, VENDOR)
_log = logging.getLogger("answerable.outbox")


class LogNotifier:
    """The carrier of last resort: the log, at its loudest."""

    def send(self, letter: Letter) -> Delivery:
        """Write the letter's address and subject, never its body, into the log."""
        _log.critical("no carrier took letter %s to %s: %s", letter.id, letter.to, letter.subject)
        return Delivery(letter=letter.id, state=DeliveryState.ACCEPTED)


def deliver(
    answerable: Answerable,
    carriers: Sequence[Notifier],
    preserve: Preserve | None = None,
    vendors: Mapping[str, Vendor] | None = None,
) -> int:
    """Send what is due, letters before orders to stores and questions to vendors; return how many were claimed."""
    store, clock = answerable.acts.store, answerable.acts.clock
    now, begun = answerable.acts.now(store.high_water()), clock.monotonic()
    claimed = store.claim(now, now + LEASE, AT_ONCE)
    keeper = Keeper(answerable, preserve)
    for one in sorted(claimed, key=lambda one: one.outgoing.topic in _AFTER):
        if clock.monotonic() - begun > SEND_S_MAX:
            # The lease of the rest may end while they are sent: whoever takes them then would send them as well.
            break
        try:
            if one.outgoing.topic in _TO_STORES:
                is_done = keeper.carry(one.outgoing)
            elif one.outgoing.topic == VENDOR:
                is_done = fetch(answerable, one, vendors or {})
            else:
                is_done = _deliver(answerable, one, carriers)
        except Exception as error:  # noqa: BLE001 - one that nobody can word or carry holds up none behind it
            _log.error("message %s could not be sent: %s", one.outgoing.idem, error, exc_info=error)
            is_done = False
        retry_at = None if is_done else now + retry_after(one.attempts)
        store.settle_outgoing(one.outgoing.idem, done=is_done, retry_at=retry_at)
    return len(claimed)


def retry_after(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: dense at first, then every quarter of an hour for ever."""
    return RETRIES[attempts - 1] if attempts <= len(RETRIES) else RETRY_MAX


def _deliver(answerable: Answerable, claimed: Claimed, carriers: Sequence[Notifier]) -> bool:
    """Send one message by the first carrier that takes it; a refusal for good goes on to the next carrier."""
    if claimed.outgoing.topic == ATTEMPT:
        return _tell(answerable, claimed.outgoing, carriers)
    letter = _worded(answerable, claimed.outgoing)
    return letter is None or _carry(letter, carriers)


def _tell(answerable: Answerable, outgoing: Outgoing, carriers: Sequence[Notifier]) -> bool:
    """Tell a protected person of attempts, in her hours alone; what she no longer wants is not sent."""
    case, send = CaseId(outgoing.body["case"]), parse_time(outgoing.body["send"])
    digest = answerable.orders.digest(case, NoticeId(outgoing.body["notice"]), send)
    if digest is None:
        return True
    if not digest.is_now or not _carry(letters.attempt(outgoing, digest.day), carriers):
        return False
    answerable.orders.told(case, send)
    return True


def _carry(letter: Letter, carriers: Sequence[Notifier]) -> bool:
    for carrier in carriers:
        delivery = carrier.send(letter)
        if delivery.state is DeliveryState.ACCEPTED:
            return True
        _log.warning("letter %s was not taken (%s): %s", letter.id, delivery.state, delivery.detail)
        if delivery.state is DeliveryState.NOT_KNOWN:
            return False
    return False


def _worded(answerable: Answerable, outgoing: Outgoing) -> Letter | None:
    """Return the letter, or None where there is nothing left to tell."""
    if outgoing.topic == PAGE:
        return letters.page(outgoing)
    body = outgoing.body
    brief = answerable.brief(CaseId(body["case"]), NoticeId(body["notice"]), text=body.get("text"))
    if brief is None:
        _log.error("message %s speaks of a notice that is not there", outgoing.idem)
        return None
    if outgoing.topic == RECEIPT:
        return letters.receipt(outgoing, brief)
    assert outgoing.topic == ANSWER, f"nobody words a {outgoing.topic}"
    if body["outcome"] != "lapsed":
        return letters.answer(outgoing, brief)
    # The house's own clock was missed, and by the day that was promised there was an answer after all.
    return letters.lapse(outgoing, brief) if not brief.is_answered else None


