"""The steps of `answerable work`, each over acts of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from answerable.app import Answerable
from answerable.ports.history import History
from answerable.ports.notifier import Notifier
from answerable.ports.preserve import Preserve
from answerable.work.look_back import AT_ONCE, look
from answerable.work.loop import Step
from answerable.work.outbox import LogNotifier, deliver
from answerable.work.sealer import Sealer
from answerable.work.signs import note_sweep
from answerable.work.ticker import BATCH, sweep
from answerable.work.vendors import Vendor

SWEEP_S, LOOK_S, SEND_S, SEAL_S, SPANS_S = 0.5, 0.3, 0.5, 0.25, 60.0
NOTE_S = 1.0
"""Between two notes of a sweep: each is a write that waits for the disk."""


def steps(
    answerable: Callable[[], Answerable], *, history: History | None, preserve: Preserve | None, notifier: Notifier,
    vendors: Mapping[str, Vendor] | None = None,
) -> list[Step]:  # fmt: skip
    """Return everything that `work` does, each step with its own verbs for its own thread."""
    ticking, looking, sending, sealing, spanning = (answerable() for _ in range(5))
    carriers, sealer = (notifier, LogNotifier()), Sealer(sealing)

    noted_at = -NOTE_S

    def leads(role: str) -> bool:
        # Several who do the same only get in each other's way; whoever leads is not needed for anybody's protection.
        return ticking.acts.store.leads(role)

    def tick() -> bool:
        nonlocal noted_at
        if not leads("ticker"):
            return False
        settled = sweep(ticking)
        # Only a sweep that came to its end says that it did.
        store, monotonic = ticking.acts.store, ticking.acts.clock.monotonic()
        if monotonic - noted_at >= NOTE_S:
            note_sweep(store, at=ticking.acts.now(store.high_water()))
            noted_at = monotonic
        return settled >= BATCH

    def seal_all() -> bool:
        more = sealing.seal_exposures() if leads("exposure") else 0
        sealer.seal()
        return more > 0

    return [
        Step("ticker", tick, SWEEP_S),
        Step("look-back", lambda: leads("look-back") and look(looking, history) == AT_ONCE, LOOK_S),
        Step("outbox", lambda: deliver(sending, carriers, preserve, vendors) > 0, SEND_S),
        Step("exposure", seal_all, SEAL_S),
        Step("spans", lambda: leads("spans") and spanning.expire_spans() > 0, SPANS_S),
    ]
