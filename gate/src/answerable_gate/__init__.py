"""The pure gate of Answerable: measures, standing, verdicts, and the feed that keeps them in force.

Law: nothing here reads a clock, a file or a network, but for the adapters in `answerable_gate.io`.
"""

from answerable_gate.admission import Admitted, Held, admit
from answerable_gate.clock import Clock, ClockSuspect, adopt, tick
from answerable_gate.entry import Entry, Frozen, Item, Withheld, decode, encode
from answerable_gate.feed import (
    EntryLine,
    Heartbeat,
    Hello,
    Lines,
    WithheldLine,
    alias,
    entry_line,
    heartbeat_line,
    hello_line,
    withheld_line,
)
from answerable_gate.gate import Gate
from answerable_gate.judge import GatePolicy, Request, Verdict, judge
from answerable_gate.measures import NOTHING, Level, Limit, Shield, Standing, cap, covers, join
from answerable_gate.names import Names, Window, is_sealed, seal_name
from answerable_gate.release import Release, ReleasingEntry, Verify, proven
from answerable_gate.shapes import FeedBehind, NotOurFeed, Pinned, Received, Saved, Status
from answerable_gate.spoken import spoken
from answerable_gate.standing import standing, uncovered
from answerable_gate.strict import Malformed

__all__ = [
    "NOTHING",
    "Admitted",
    "Clock",
    "ClockSuspect",
    "Entry",
    "EntryLine",
    "FeedBehind",
    "Frozen",
    "Gate",
    "GatePolicy",
    "Heartbeat",
    "Held",
    "Hello",
    "Item",
    "Level",
    "Limit",
    "Lines",
    "Malformed",
    "Names",
    "NotOurFeed",
    "Pinned",
    "Received",
    "Release",
    "ReleasingEntry",
    "Request",
    "Saved",
    "Shield",
    "Standing",
    "Status",
    "Verdict",
    "Verify",
    "Window",
    "Withheld",
    "WithheldLine",
    "admit",
    "adopt",
    "alias",
    "cap",
    "covers",
    "decode",
    "encode",
    "entry_line",
    "heartbeat_line",
    "hello_line",
    "is_sealed",
    "join",
    "judge",
    "proven",
    "seal_name",
    "spoken",
    "standing",
    "tick",
    "uncovered",
    "withheld_line",
]
