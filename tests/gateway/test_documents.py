"""Files and images that went in and out are counted where they can be read, and not known where they cannot (L10)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from answerable.gateway import documents
from answerable.gateway.bodies import read_members
from answerable.gateway.documents import handed_in, handed_out
from answerable.gateway.routes import (
    CHAT,
    EMBEDDINGS,
    FILES,
    IMAGES,
    MESSAGES,
    OTHER,
    RESPONSES,
    SPEECH,
    STORED,
    TRANSCRIPTS,
    Route,
)
from answerable.gateway.served import READ_BYTES_MAX, Served

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
PAPER = {"type": "document", "source": {"type": "base64", "data": "AA=="}}
WORDS = {"type": "text", "text": 'a file of "image_url" words'}


def brought(route: Route, **body: Any) -> int | None:
    """Count what a request brings."""
    return handed_in(route, "POST", b"/x", read_members(json.dumps(body).encode()))


def given(*texts: object, is_stream: bool = False) -> int | None:
    """Count what an answer brings, given whole or as events."""
    served = Served(is_stream=is_stream, talk="responses")
    for text in texts:
        data = json.dumps(text).encode()
        served.add(b"data: " + data + b"\n\n" if is_stream else data)
    if is_stream:
        served.add(b"data: [DONE]\n\n")
    served.tokens()
    return served.documents()


def test_of_a_conversation_only_what_is_new_counts() -> None:
    """Everything is sent again with each turn; what came before the model spoke last was counted then."""
    old = {"role": "user", "content": [PICTURE, PICTURE]}
    new = {"role": "user", "content": [WORDS, PICTURE, {"type": "file", "file": {"file_id": "f"}}]}
    assert brought(CHAT, messages=[old]) == 2
    assert brought(CHAT, messages=[old, {"role": "assistant", "content": "Nice."}, new]) == 2
    assert brought(CHAT, messages=[{"role": "user", "content": "no file"}]) == 0
    assert brought(MESSAGES, messages=[{"role": "user", "content": [PAPER, PAPER, WORDS]}]) == 2
    assert brought(RESPONSES, input="words") == 0
    attached = {"role": "user", "attachments": [{"file_id": "a"}, {"file_id": "b"}], "file_ids": ["c"]}
    assert brought(RESPONSES, input=[attached]) == 3


@pytest.mark.parametrize("body", [{}, {"messages": 7}, {"messages": None}])
def test_a_conversation_that_cannot_be_read_is_not_known(body: dict[str, Any]) -> None:
    """Whatever the model may make of it."""
    assert brought(CHAT, **body) is None
    assert handed_in(CHAT, "POST", b"/chat/completions", None) is None


def test_of_other_requests_what_their_route_says() -> None:
    """A file that is uploaded is one; of what nobody here reads nothing is known."""
    assert handed_in(FILES, "POST", b"/files", None) == 1
    assert handed_in(FILES, "GET", b"/files/f/content", None) == 0
    assert handed_in(FILES, "POST", b"/vector_stores", None) is None
    assert handed_in(TRANSCRIPTS, "POST", b"/audio/transcriptions", None) == 1
    assert [handed_in(one, "POST", b"/x", None) for one in (EMBEDDINGS, IMAGES, SPEECH, STORED)] == [0] * 4
    assert handed_in(OTHER, "POST", b"/other", None) is None
    assert handed_out(FILES, "GET", b"/files/f/content", 0) == 1
    assert handed_out(FILES, "GET", b"/files/f", 0) == 0
    assert handed_out(SPEECH, "POST", b"/audio/speech", None) == 1
    assert handed_out(EMBEDDINGS, "POST", b"/embeddings", None) == 0
    assert handed_out(OTHER, "POST", b"/other", None) is None


def test_images_that_were_made_are_counted_once() -> None:
    """As addresses or as bytes; told of in three events or in one."""
    assert given({"created": 1, "data": [{"url": "https://a.example"}, {"b64_json": "AA=="}]}) == 2
    made = {"type": "image_generation_call", "id": "ig_1", "result": "AA=="}
    partial = {"type": "response.image_generation_call.partial_image", "item_id": "ig_1", "partial_image_b64": "AA=="}
    done = {"type": "response.output_item.done", "item": made}
    completed = {"type": "response.completed", "response": {"output": [made, {"type": "message"}]}}
    assert given(partial, partial, done, completed, is_stream=True) == 1
    assert given({"output": [made, made | {"id": "ig_2"}]}) == 2
    assert given({"choices": [{"message": {"content": 'see https://a.example "url"'}}]}) == 0


def test_an_answer_that_cannot_be_read_is_not_known() -> None:
    """One that is no JSON although it speaks of files, and one that is too long to be looked through."""
    served = Served(is_stream=False)
    served.add(b'{"data": [{"b64_json": ')
    served.tokens()
    assert served.documents() is None
    served = Served(is_stream=False)
    for _ in range(3):
        served.add(b" " * (READ_BYTES_MAX // 2))
    served.tokens()
    assert served.documents() is None


def test_whatever_tells_of_a_document_holds_a_hint() -> None:
    """So that a look for the hints alone misses none."""
    assert all(any(hint in mark for hint in documents._HINTS) for mark in documents._MARKS)
