"""The verifier's parts: JSON, entries, proofs at their edges, numbers, notes, keys, checkpoints.

Law: every format has one spelling, and every other spelling is refused.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given

from answerable.ledger.notes import sign_note, vkey
from answerable.ledger.verify import (
    EMPTY_ROOT,
    MAX_INT,
    MAX_NOTE,
    Checkpoint,
    CompactRange,
    Malformed,
    canonical,
    check_entry,
    note_signers,
    parse,
    parse_base64,
    parse_checkpoint,
    parse_entry,
    parse_hash,
    parse_note,
    parse_number,
    parse_vkey,
    root_from_inclusion,
    verify_consistency,
    verify_inclusion,
)
from tests.ledger.logs import KEY, ORIGIN, OTHER, PRIVATE, VKEY, some_entries, some_leaves
from tests.ledger.values import values

ENTRY = some_entries(["case:c_1"])[0]
HASH = b"h" * 32


@given(values)
def test_canonical_is_rfc_8785(value: Any) -> None:
    """The bytes are those of an independent implementation, and reading them gives the value back."""
    data = canonical(value)
    assert data == rfc8785.dumps(value)
    assert parse(data) == value


def nested(depth: int) -> Any:
    """Return lists in lists."""
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [1.0, float("nan"), MAX_INT + 1, -MAX_INT - 1, {"é": 1}, {1: 1}, (1, 2), b"x", {"a": [{"b": {1, 2}}]}, "\udc00"],
)
def test_what_has_no_one_spelling_is_not_encoded(value: Any) -> None:
    """Floats, large numbers, other keys, other types and half characters are refused at any depth."""
    with pytest.raises(Malformed):
        canonical(value)


def test_depth_is_bounded_by_us_and_not_by_the_python_version() -> None:
    """32 levels pass, 33 are refused."""
    assert parse(canonical(nested(32))) == nested(32)
    with pytest.raises(Malformed):
        canonical(nested(33))


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b"1.0",
        b"1e2",
        b"-0",
        b"01",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"9007199254740992",
        b"9" * 5000,
        b'"\\u0041"',
        b'"\\/"',
        b'"\\u000A"',
        b'"\\ud83d\\ude02"',
        b'"\\ud83d"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b"\xef\xbb\xbf1",
        b"",
        b"[" * 100_000,
    ],
)
def test_a_second_spelling_is_not_read(data: bytes) -> None:
    """Doubled keys, blanks, other orders, other escapes and other numbers are refused."""
    with pytest.raises(Malformed):
        parse(data)


@pytest.mark.parametrize(
    "change",
    [
        {"v": True},
        {"v": 2},
        {"v": None},
        {"log": "a+b"},
        {"stream": None},
        {"stream": "system:1"},
        {"prev": "g" * 64},
        {"act": "a b"},
        {"at": "2026-02-30T00:00:00.000000Z"},
        {"at": "2026-02-03T00:00:00.00000Z"},
        {"at": "2026-02-03T00:00:00.000000+00:00"},
        {"at": "2026-02-03T00:00:0٣.000000Z"},
        {"by": 7},
        {"kind": "Notice-Received"},
        {"seq": True},
        {"seq": "1"},
        {"seq": 2},
        {"seq": 0},
        {"body": None},
        {"more": 1},
    ],
)
def test_a_malformed_field_is_named(change: dict[str, Any]) -> None:
    """Every field has its form, and the message says which one has not."""
    with pytest.raises(Malformed) as caught:
        parse_entry(canonical({**json.loads(ENTRY), **change}))
    named = {"v": "version", "body": "body", "more": "ten fields"}
    (field,) = change
    assert named.get(field, f"'{field}'") in str(caught.value)


def test_what_is_no_object_is_no_entry() -> None:
    """A list of the ten field names is not an entry."""
    with pytest.raises(Malformed):
        check_entry(sorted(json.loads(ENTRY)))


LEAVES = some_leaves(3)


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 0, []),
        (-1, 1, []),
        (1, 1, []),
        (5, 4, [HASH] * 2),
        (0, 1, [HASH]),
        (0, 2, []),
        (0, 4, [HASH]),
        (0, 2, [b"x"]),
    ],
)
def test_an_inclusion_proof_has_exactly_its_length(index: int, size: int, path: list[bytes]) -> None:
    """Index below size, as many hashes as the place asks for, each of 32 bytes: a known reader misses the first."""
    with pytest.raises(Malformed):
        root_from_inclusion(HASH, index, size, path)
    assert not verify_inclusion(HASH, index, size, path, HASH)


@pytest.mark.parametrize(
    ("old", "new", "old_root", "new_root", "path", "holds"),
    [
        (0, 0, EMPTY_ROOT, EMPTY_ROOT, [], True),
        (0, 5, EMPTY_ROOT, HASH, [], True),
        (0, 5, HASH, HASH, [], False),
        (0, 5, EMPTY_ROOT, HASH, [HASH], False),
        (3, 3, HASH, HASH, [], True),
        (3, 3, HASH, HASH, [HASH], False),
        (3, 3, HASH, EMPTY_ROOT, [], False),
        (4, 3, HASH, HASH, [], False),
        (-1, 3, HASH, HASH, [], False),
        (3, 5, HASH, HASH, [], False),
        (2, 4, HASH, HASH, [], False),
        (2, 4, HASH, HASH, [b"short"], False),
        (2, 4, b"short", HASH, [HASH], False),
        (1, 2, HASH, HASH, [HASH, HASH], False),
    ],
)
def test_consistency_at_its_edges(
    old: int, new: int, old_root: bytes, new_root: bytes, path: list[bytes], *, holds: bool
) -> None:
    """Empty, equal and shrinking trees, and proofs of a wrong length."""
    assert verify_consistency(old, new, old_root, new_root, path) is holds


def test_a_range_is_not_made_of_parts_that_do_not_fit() -> None:
    """As many peaks as the size has ones, each a hash."""
    for size, peaks in ((-1, []), (3, [HASH]), (1, [b"short"])):
        with pytest.raises(Malformed):
            CompactRange(size, peaks)


@pytest.mark.parametrize("text", ["", "+1", "-1", "01", "1_0", " 1", "1 ", "1\n", "٣", "²", "0x1", "1e3", str(2**63)])
def test_numbers_have_one_spelling(text: str) -> None:
    """Python's own int() reads most of these."""
    with pytest.raises(Malformed):
        parse_number(text)


def test_numbers_reach_to_63_bits() -> None:
    """Zero and the largest size are read."""
    assert (parse_number("0"), parse_number(str(2**63 - 1))) == (0, 2**63 - 1)


@pytest.mark.parametrize("text", ["QQ", "QR==", "QQ==\n", "Q Q==", "QQ-_", "é", "QQ==QQ=="])
def test_base64_has_one_spelling(text: str) -> None:
    """Missing padding, trailing bits, blanks, the other alphabet."""
    with pytest.raises(Malformed):
        parse_base64(text)


def test_a_hash_has_32_bytes() -> None:
    """31 are not enough."""
    assert parse_hash(base64.b64encode(HASH).decode()) == HASH
    with pytest.raises(Malformed):
        parse_hash(base64.b64encode(HASH[1:]).decode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        VKEY.replace(ORIGIN, "other.example"),
        VKEY.replace(ORIGIN, ""),
        VKEY.replace("+A", "+B"),
        VKEY + "=",
        VKEY[:-4],
        VKEY.upper(),
        vkey("x", PRIVATE.public_key()).replace("x+", "x y+"),
    ],
)
def test_a_key_line_belongs_together(text: str) -> None:
    """Name, id and key of a pinned line are bound by the id."""
    with pytest.raises(Malformed):
        parse_vkey(text)


SIGNED = sign_note("text\n", ORIGIN, PRIVATE)
LINE = SIGNED.split("\n\n")[1]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        SIGNED[:-1].encode(),
        (SIGNED + "\n").encode(),
        SIGNED.replace("\u2014 ", "- ").encode(),
        SIGNED.replace(ORIGIN, "a+b").encode(),
        SIGNED.replace(ORIGIN, "a\u00a0b").encode(),
        SIGNED.replace(f" {ORIGIN}", " ").encode(),
        SIGNED.replace("text", "te\txt").encode(),
        SIGNED.replace("text", "te\rxt").encode(),
        b"\xff" + SIGNED.encode(),
        "text\n\n\u2014 name QUJDRA==\n".encode(),
        "text\n\n\u2014 name !\n".encode(),
        (SIGNED + LINE * 64).encode(),
        ("x" * MAX_NOTE + SIGNED).encode(),
    ],
)
def test_what_is_no_note_is_not_read(data: bytes) -> None:
    """Signed notes are UTF-8 without control characters, with one to 64 well-formed signature lines."""
    with pytest.raises(Malformed):
        parse_note(data)


def test_a_known_key_is_believed_and_others_are_not_asked() -> None:
    """Sixteen signatures of strangers stand beside the log's own; without it nobody has signed."""
    strangers = "".join(sign_note("text\n", f"witness{number}.example", OTHER).split("\n\n")[1] for number in range(16))
    assert note_signers(parse_note((SIGNED + strangers).encode()), [KEY]) == {ORIGIN}
    assert note_signers(parse_note(f"text\n\n{strangers}".encode()), [KEY]) == set()
    assert note_signers(parse_note(SIGNED.encode()), []) == set()


def test_a_stranger_under_our_name_is_a_stranger() -> None:
    """A key of the same name with another id is unknown, and so is our id under another name."""
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
    assert note_signers(parse_note(sign_note("text\n", ORIGIN, other).encode()), [KEY]) == set()
    assert note_signers(parse_note(SIGNED.replace(ORIGIN, "other.example").encode()), [KEY]) == set()


def test_a_false_signature_of_a_known_key_spoils_the_note() -> None:
    """A good signature beside it does not help."""
    spoiled = SIGNED.replace("text", "test") + LINE
    with pytest.raises(Malformed):
        note_signers(parse_note(spoiled.encode()), [KEY])


def test_a_text_may_hold_empty_lines() -> None:
    """The signatures stand below the last empty line."""
    note = parse_note(sign_note("one\n\ntwo\n", ORIGIN, PRIVATE).encode())
    assert note.text == "one\n\ntwo\n"
    assert note_signers(note, [KEY]) == {ORIGIN}


ROOT64 = base64.b64encode(HASH).decode()


def test_a_checkpoint_is_three_lines_and_extensions() -> None:
    """Extension lines are allowed and ignored."""
    assert parse_checkpoint(f"a\n7\n{ROOT64}\n") == Checkpoint("a", 7, HASH)
    assert parse_checkpoint(f"a\n7\n{ROOT64}\nmore\n") == Checkpoint("a", 7, HASH)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n7\n",
        f"a\n7\n{ROOT64}",
        f"\n7\n{ROOT64}\n",
        f"a\n07\n{ROOT64}\n",
        f"a\n+7\n{ROOT64}\n",
        f"a\n7\n{ROOT64}\n\n",
        f"a\n7\n{ROOT64[4:]}\n",
        f"a\n7\n{ROOT64}\n\nmore\n",
    ],
)
def test_what_is_no_checkpoint_is_not_read(text: str) -> None:
    """A missing line, an empty line, a number spelled otherwise, a hash too short."""
    with pytest.raises(Malformed):
        parse_checkpoint(text)
