"""The reader of huge arrays.

Law: a broken element costs itself alone; a cut array keeps what stood before the cut.
"""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.screen.exports import arrays
from answerable.screen.exports.arrays import Cut, Element, elements
from answerable.screen.exports.records import DEPTH_MAX, BadRecord


def _read(raw: bytes) -> list[Element | BadRecord | Cut]:
    return list(elements(io.BytesIO(raw)))


def _values(raw: bytes) -> list[object]:
    found = _read(raw)
    assert all(isinstance(element, Element) for element in found), found
    return [json.loads(element.raw) for element in found if isinstance(element, Element)]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(_JSON, max_size=6), st.integers(1, 9), st.sampled_from([None, 1, 3]), st.booleans())
def test_elements_are_those_of_the_array(values: list[object], chunk: int, indent: int | None, is_ascii: bool) -> None:
    """Wherever the chunks end, within a text, an escape or a letter, the elements are those that json reads."""
    raw = json.dumps(values, indent=indent, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "CHUNK_BYTES", chunk)
        found = _read(raw)
    assert [json.loads(e.raw.decode("utf-8", "surrogatepass")) for e in found if isinstance(e, Element)] == values
    assert len(found) == len(values)


@given(st.lists(_JSON.filter(bool), min_size=1, max_size=4), st.data(), st.integers(1, 9))
def test_a_cut_array_keeps_what_stood_before(values: list[object], data: st.DataObject, chunk: int) -> None:
    """Cut at any byte, the array gives its first elements whole and then says that it is cut."""
    raw = json.dumps(values).encode()
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "CHUNK_BYTES", chunk)
        found = _read(cut)
    assert isinstance(found[-1], Cut)
    whole = [json.loads(element.raw) for element in found[:-1] if isinstance(element, Element)]
    assert whole == values[: len(whole)]
    assert len(whole) == len(found) - 1


def test_lines_are_those_of_the_elements() -> None:
    """An element is reported with the line on which it begins."""
    found = _read(b'[\n {"a":\n 1},\n\n 2]\n')
    assert [element.line for element in found] == [2, 5]


def test_a_byte_order_mark_is_not_content() -> None:
    """A file that begins with a byte order mark is read."""
    assert _values(b"\xef\xbb\xbf [1]") == [1]


def test_an_empty_array_is_whole() -> None:
    """An export without conversations is neither bad nor cut."""
    assert _read(b" [ ] ") == []


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b'{"conversations": []}', "not a JSON array"),
        (b"PK\x03\x04....", "ZIP"),
        ("[]".encode("utf-16"), "UTF-16"),
    ],
)
def test_what_is_no_array_is_named(raw: bytes, word: str) -> None:
    """A file that is something else is refused in words that help."""
    (found,) = _read(raw)
    assert isinstance(found, BadRecord)
    assert word in found.reason


@pytest.mark.parametrize("raw", [b"", b"  \n", b"[", b"[1", b"[1,", b'["a', b'["a\\'])
def test_an_unfinished_file_is_cut(raw: bytes) -> None:
    """A file that ends before its array is cut, at whatever byte."""
    assert isinstance(_read(raw)[-1], Cut)


@pytest.mark.parametrize("raw", [b"[] x", b"[1]]"])
def test_text_behind_the_array_is_reported(raw: bytes) -> None:
    """What stands behind the end is not passed over."""
    last = _read(raw)[-1]
    assert isinstance(last, BadRecord)
    assert "behind" in last.reason


def test_elements_after_a_stray_bracket_are_still_read() -> None:
    """A closing brace where none is open breaks its own element only."""
    assert [e.raw for e in _read(b'[}x, {"a": 1}]') if isinstance(e, Element)] == [b"}x", b'{"a": 1}']


def test_depth_is_bounded() -> None:
    """A bomb of brackets becomes one bad record, and the next element is read."""
    bomb = b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1)
    found = _read(b"[" + bomb + b",7]")
    assert isinstance(found[0], BadRecord)
    assert "deep" in found[0].reason
    assert isinstance(found[1], Element)


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An element beyond the limit becomes one bad record, and the next one is read."""
    monkeypatch.setattr(arrays, "RECORD_BYTES_MAX", 100)
    monkeypatch.setattr(arrays, "CHUNK_BYTES", 16)
    found = _read(b'["' + b"x" * 200 + b'", 7]')
    assert isinstance(found[0], BadRecord)
    assert "longer" in found[0].reason
    assert isinstance(found[1], Element)


def test_what_decoding_would_allocate_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An element of very many tiny values becomes one bad record."""
    monkeypatch.setattr(arrays, "RECORD_MARKS_MAX", 10)
    (found,) = _read(b"[[" + b"[]," * 20 + b"[]]]")
    assert isinstance(found, BadRecord)
    assert "more than 10" in found.reason
