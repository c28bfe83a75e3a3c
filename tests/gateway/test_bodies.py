"""Reading the top-level keys of a request."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.errors import BadInput
from answerable.gateway.bodies import IDENTITY_LENGTH_MAX, identity_of, read_members, text_of

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
spaces = st.sampled_from(["", " ", "\n\t", " \r\n "])


@given(
    st.dictionaries(st.text(max_size=6).filter(lambda key: key.casefold() == key), values, max_size=6),
    spaces,
    st.booleans(),
)
def test_each_member_keeps_its_bytes(value: dict, space: str, ascii_only: bool) -> None:
    """Whatever stands between members, each is found whole, and together they are the same object."""
    comma, colon = f"{space},{space}", f"{space}:{space}"
    written = [
        json.dumps(key, ensure_ascii=ascii_only) + colon + json.dumps(one, ensure_ascii=ascii_only)
        for key, one in value.items()
    ]
    body = (space + "{" + space + comma.join(written) + space + "}" + space).encode()
    members = read_members(body)
    assert [member.written.decode() for member in members.values()] == written
    assert {key: json.loads(member.value) for key, member in members.items()} == value


keys = st.sampled_from(["a", "b", "user", "c"])


@given(st.lists(st.tuples(keys, st.sampled_from(["1", "12", '"1"', "[1]", "{}"])), min_size=1, max_size=6))
def test_a_key_that_stands_twice_is_always_found(pairs: list) -> None:
    """It is refused whatever the two values are and wherever they stand; every other object is read."""
    body = ("{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}").encode()
    if len({key for key, _ in pairs}) == len(pairs):
        assert len(read_members(body)) == len(pairs)
    else:
        with pytest.raises(BadInput, match="twice"):
            read_members(body)


@pytest.mark.parametrize(
    "body",
    [
        rb'{"user":"a","\u0075ser":"b"}',
        b'{"user":"a","User":"b"}',
        b'{"USER":"b"}',
        '{"u\u017fer":"b"}'.encode(),
        b'{"tools":[],"Tools":[1]}',
    ],
)
def test_a_key_in_other_letters_is_refused(body: bytes) -> None:
    """What one reader takes for `user` and another does not would be judged as one account and served as another."""
    with pytest.raises(BadInput, match="twice"):
        read_members(body)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b'{"a":NaN}', b'{"a":1}x', b"\xef\xbb\xbf{}", b'{"\xff":1}', b'{"a":01}'],
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    """Nothing that cannot be read is passed on."""
    with pytest.raises(BadInput, match="not a JSON object"):
        read_members(body)


def test_deep_nesting_exhausts_nothing() -> None:
    """It is refused like any other body that cannot be read."""
    with pytest.raises(BadInput):
        read_members(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}")


def test_the_newer_name_of_the_identity_holds() -> None:
    """safety_identifier comes before user; absent, null and empty say nothing."""
    assert identity_of(read_members(b'{"user":"u","safety_identifier":"s"}')) == "s"
    assert identity_of(read_members(b'{"user":"u","safety_identifier":null}')) == "u"
    assert identity_of(read_members(b'{"user":""}')) is None


@pytest.mark.parametrize("value", [b"1", b"[]", b'{"id":1}', b"true", rb'"\ud800"', b'"\xff"'])
def test_an_identity_is_a_text(value: bytes) -> None:
    """A number or half a character is no identity, and is not taken for none either."""
    with pytest.raises(BadInput):
        identity_of(read_members(b'{"user":' + value + b"}"))


def test_an_identity_has_a_length() -> None:
    """Beyond it nothing is looked up."""
    with pytest.raises(BadInput, match="longer"):
        identity_of(read_members(b'{"user":"' + b"x" * (IDENTITY_LENGTH_MAX + 1) + b'"}'))


def test_a_text_is_unescaped() -> None:
    """The gate sees what the model will see."""
    assert text_of(read_members(rb'{"model":"m\u0031"}'), "model") == "m1"


@pytest.mark.parametrize(
    ("written", "identity"),
    [
        ('{"metadata":{"user_id":"a","other":1},"user":"b"}', "a"),
        ('{"metadata":{"user_id":null}}', None),
        ('{"metadata":{}}', None),
        ('{"metadata":null}', None),
        ('{"user":"b"}', None),
    ],
)
def test_the_messages_api_names_its_user_in_the_metadata(written: str, identity: str | None) -> None:
    """And nowhere else."""
    assert identity_of(read_members(written.encode()), "anthropic") == identity


@pytest.mark.parametrize(
    "written",
    [
        '{"metadata":{"user_id":"a","user_id":"b"}}',
        '{"metadata":{"User_Id":"a"}}',
        '{"metadata":"a"}',
        '{"metadata":{"user_id":1}}',
        '{"metadata":{"user_id":"a"},"Metadata":{"user_id":"b"}}',
    ],
)
def test_doubtful_metadata_name_nobody(written: str) -> None:
    """What two readers could understand in two ways is refused there too."""
    with pytest.raises(BadInput):
        identity_of(read_members(written.encode()), "anthropic")
