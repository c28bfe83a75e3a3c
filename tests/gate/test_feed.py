"""The feed: lines cut anywhere, read strictly."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable_gate import (
    Entry,
    EntryLine,
    Heartbeat,
    Hello,
    Lines,
    Malformed,
    Withheld,
    WithheldLine,
    alias,
    entry_line,
    feed,
    withheld_line,
)
from answerable_gate.feed import heartbeat_line, hello_line, read_line
from tests.gate.build import GATE_KEY, ORIGIN, START, Bench, Log, a_policy, a_withheld, an_entry, an_item
from tests.gate.test_entry import entries

short_lines = st.lists(st.binary(max_size=6).map(lambda line: line.replace(b"\n", b"")), max_size=8)


@given(short_lines, st.lists(st.integers(0, 60)))
def test_lines_come_whole_wherever_they_are_cut(lines: list[bytes], cuts: list[int]) -> None:
    """The network's chunks never show."""
    whole = b"".join(line + b"\n" for line in lines) + b"begun"
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    reader = Lines()
    assert [line for begins, ends in pairwise(places) for line in reader.split(whole[begins:ends])] == lines


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for one line is bounded, whether it comes whole or in pieces."""
    monkeypatch.setattr(feed, "LINE_BYTES_MAX", 100)
    reader = Lines()
    assert list(reader.split(b"x" * 100)) == []
    with pytest.raises(Malformed):
        list(reader.split(b"x"))
    with pytest.raises(Malformed):
        read_line(b" " * 101, received=START)


@given(entries, st.integers(1, 2**53 - 1))
def test_an_entry_survives_the_feed(entry: Entry, seq: int) -> None:
    """Reading gives back what was written, proofs included."""
    release = Log().lift("item_a")
    line = entry_line(seq, entry, [release], now=START)
    assert read_line(line, received=START) == EntryLine(seq=seq, entry=entry, releases=(release,))


@given(entries, st.integers(1, 2**53 - 1))
def test_a_withheld_entry_survives_the_feed(entry: Entry, seq: int) -> None:
    """Reading gives back what was written, in whatever order the aliases came."""
    told = Withheld(subject=entry.subject, version=entry.version, aliases=entry.aliases)
    turned = Withheld(subject=entry.subject, version=entry.version, aliases=entry.aliases[::-1])
    assert read_line(withheld_line(seq, turned), received=START) == WithheldLine(seq=seq, withheld=told)


@pytest.mark.parametrize(
    "change", [{"seq": 0}, {"version": 0}, {"subject": ""}, {"aliases": ["x"]}, {"aliases": None}, {"entry": {}}]
)
def test_a_broken_withheld_line_is_malformed(change: dict) -> None:
    """It is read as strictly as an entry."""
    line = json.loads(withheld_line(1, a_withheld())) | change
    with pytest.raises(Malformed):
        read_line(json.dumps(line).encode(), received=START)


def test_greeting_and_heartbeat_survive_the_feed() -> None:
    """Reading gives back what was written."""
    hello = Hello(origin=ORIGIN, key="k", check="c", policy=a_policy())
    assert read_line(hello_line(hello), received=START) == hello
    beat = Heartbeat(seq=0, now=START, size=0)
    assert read_line(heartbeat_line(beat), received=START) == beat


@pytest.mark.parametrize("change", [{"lease_s": 0}, {"lease_s": 3601}, {"origin": 1}, {"policy": []}, {"more": 1}])
def test_a_broken_greeting_is_malformed(change: dict) -> None:
    """No lease, or one that never ends, is refused."""
    line = json.loads(Bench().hello()) | change
    with pytest.raises(Malformed):
        read_line(json.dumps(line).encode(), received=START)


def test_releases_stand_once_and_are_bounded() -> None:
    """The same release twice in a line is refused."""
    release = Log().lift("item_a")
    line = entry_line(1, an_entry(an_item()), [release, release], now=START)
    with pytest.raises(Malformed):
        read_line(line, received=START)


def test_an_alias_depends_on_key_and_identity_alone() -> None:
    """The format is fixed: the first 128 bits of HMAC-SHA256 over "alias", a line end and the identity."""
    assert alias(GATE_KEY, "corvin.vale@example.org").hex() == "7ad856820bc35452ded66cd144bbd08a"
    assert alias(GATE_KEY, "a") != alias(GATE_KEY, "b")
    assert alias(GATE_KEY, "a") != alias(b"h" * 32, "a")
