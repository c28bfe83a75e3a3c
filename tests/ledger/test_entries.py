"""Entries: envelope to bytes and back.

Law: one fact has one spelling, and stored bytes that are spelled otherwise are never read.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from answerable.errors import BadInput, Corrupt, TooLarge
from answerable.ledger.entries import Envelope, decode, encode
from answerable.ledger.verify import MAX_ENTRY, Malformed, canonical, parse, parse_entry
from tests.ledger.logs import ORIGIN, START, some_entries
from tests.ledger.values import values

PLAIN = Envelope(
    stream="case:c_1", seq=2, prev="ab" * 32, act="act_1", at=START, by="staff_7", kind="NoticeReceived", body={"n": 1}
)


@given(st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=8), values, max_size=6))
def test_bytes_are_those_of_rfc_8785(body: dict[str, Any]) -> None:
    """Our encoder, the plain one and an independent RFC 8785 implementation write the same bytes."""
    envelope = replace(PLAIN, body=body)
    data = encode(envelope, ORIGIN)
    assert data == canonical(parse(data)) == rfc8785.dumps(parse(data))  # type: ignore[arg-type]
    assert decode(data) == envelope


def test_time_keeps_its_six_digits() -> None:
    """A whole second is written with six zeros, a microsecond is kept, both come back aware."""
    for at in (datetime(2026, 1, 2, tzinfo=UTC), datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC)):
        data = encode(replace(PLAIN, at=at), ORIGIN)
        assert len(parse_entry(data)["at"]) == 27
        assert decode(data).at == at
        assert decode(data).at.tzinfo is UTC


@pytest.mark.parametrize(
    "change",
    [
        {"stream": "person:p_1"},
        {"stream": "case:"},
        {"stream": "case:c 1"},
        {"stream": "case:" + "c" * 65},
        {"seq": 0},
        {"seq": 1},
        {"seq": 2**53},
        {"prev": ""},
        {"prev": "AB" * 32},
        {"act": ""},
        {"act": "a\n"},
        {"by": "Jürgen"},
        {"kind": "noticeReceived"},
        {"body": []},
        {"body": {"score": 0.5}},
        {"body": {"ключ": 1}},
        {"body": {"at": START}},
        {"body": {"text": "\ud800"}},
    ],
)
def test_what_is_outside_the_format_is_not_written(change: dict[str, Any]) -> None:
    """Each field has one form; text outside the tokens, floats and half characters never reach the ledger."""
    with pytest.raises(BadInput):
        encode(replace(PLAIN, **change), ORIGIN)


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb", "é"])
def test_a_log_has_a_name_that_a_key_can_have(origin: str) -> None:
    """The origin is also the key's name in every note."""
    with pytest.raises(BadInput):
        encode(PLAIN, origin)


def test_an_entry_has_at_most_16_kib() -> None:
    """The limit itself is written and read, one byte more is neither."""
    spare = MAX_ENTRY - len(encode(replace(PLAIN, body={"n": ""}), ORIGIN))
    full = encode(replace(PLAIN, body={"n": "x" * spare}), ORIGIN)
    assert len(full) == MAX_ENTRY
    assert decode(full).body == {"n": "x" * spare}
    with pytest.raises(TooLarge):
        encode(replace(PLAIN, body={"n": "x" * (spare + 1)}), ORIGIN)
    with pytest.raises(Corrupt):
        decode(full.replace(b'"xx', b'"xxx'))


def test_32_levels_are_written_and_33_are_not() -> None:
    """The depth at which an entry is refused is the same at writing and at reading."""
    body: Any = {}
    for _ in range(30):
        body = {"a": body}
    assert decode(encode(replace(PLAIN, body=body), ORIGIN)).body == body
    with pytest.raises(BadInput):
        encode(replace(PLAIN, body={"a": body}), ORIGIN)


SAMPLE = some_entries(["case:c_1"])[0]


@given(st.integers(0, len(SAMPLE)), st.integers(0, 3), st.binary(max_size=3))
@example(len(SAMPLE), 0, b" ")
def test_both_readers_agree_on_damaged_bytes(at: int, gone: int, put: bytes) -> None:
    """The fast reader refuses exactly what the verifier refuses."""
    data = SAMPLE[:at] + put + SAMPLE[at + gone :]
    try:
        expected = parse_entry(data)["body"]
    except Malformed:
        with pytest.raises(Corrupt):
            decode(data)
    else:
        assert decode(data).body == expected


@pytest.mark.parametrize("body", [b'{"a":1.5}', '{"é":1}'.encode(), b'{"a":9007199254740992}', b'{"a":1,"a":1}'])
def test_stored_bytes_outside_the_profile_are_corrupt(body: bytes) -> None:
    """What decodes and encodes to the same bytes is still refused if it could not have been written."""
    assert decode(SAMPLE).body
    start = SAMPLE.index(b'"body":') + len(b'"body":')
    data = SAMPLE[:start] + body + SAMPLE[SAMPLE.index(b',"by"') :]
    with pytest.raises(Corrupt):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [b"", b"[" * 16_000, b'"\xff"', b'{"a":1e400}', b"1" * 5_000, b'"\\ud800"', b"\xef\xbb\xbf{}", b"null", b"{}"],
)
def test_bytes_that_are_no_entry_are_corrupt(data: bytes) -> None:
    """Hostile bytes end in one error, whatever the decoder underneath makes of them."""
    with pytest.raises(Corrupt):
        decode(data)
    with pytest.raises(Malformed):
        parse_entry(data)
