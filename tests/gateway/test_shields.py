"""Shielded names kept out of answers, whole and in pieces, in words and in what is handed to tools.

Law: no byte of a name is out before it is known whether it is one; who asks for help is told everything (L13).
"""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.gateway import shields
from answerable.gateway.bodies import read_members
from answerable.gateway.help_seeking import asked_by_user, seeks_help
from answerable.gateway.shields import EVENTS_MAX, WHOLE_BYTES_MAX, Hold, Named
from answerable.gateway.stand_in import StandIn
from answerable.gateway.stand_in_says import SPEAKING
from answerable_gate import Level, Names, Shield, seal_name
from tests.gate.build import GATE_KEY
from tests.gateway.test_app import run
from tests.gateway.world import HEADER, World, held, until

MARA = frozenset({Shield("person_a", seal_name(GATE_KEY, "Mara Weiss"))})
CALL = {"type": "function", "name": "mail", "function": {"name": "mail"}}
PARTS = ("Mara", "Weiss", "Weiss, M", "ara", " ", " ", "\n", ", ", "é", '"', "\\", "x", "mara weis", "s", "Mara\nWeiss")
PATHS = {
    "chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages",
    "completions": "/v1/completions",
}  # fmt: skip


def a_hold(*, frees_words: bool = False) -> Hold:
    """Build one that looks for Mara Weiss."""
    return Hold(Names(GATE_KEY, MARA), frees_words=frees_words)


def body_of(talk: str, said: str, **more: Any) -> bytes:
    """Write a request."""
    turns: dict[str, Any] = {"messages": [{"role": "user", "content": said}]}
    asked: dict[str, Any] = {"responses": {"input": said}, "completions": {"prompt": said} | turns}
    return json.dumps({"model": "m1"} | asked.get(talk, turns) | more).encode()


def written(talk: str, pieces: list[str], tool: str | None = None) -> bytes:
    """Write a stream of an API."""
    says = SPEAKING[PATHS[talk]]("m1", 1, tool)
    return says.first() + b"".join(says.word(piece) for piece in pieces) + says.last(len(pieces))


def handed(stream: bytes, hold: Hold, size: int | None = None) -> bytes:
    """Hand a stream through event by event, or in whole, and give what came out before it was ended."""
    events = [event + b"\n\n" for event in stream.split(b"\n\n")[:-1]] if size is None else [stream]
    out = b""
    try:
        for number, event in enumerate(events, 1):
            out += hold.events(event, is_last=number == len(events))
    except Named:
        return out + b"CUT"
    return out


@pytest.mark.parametrize("talk", PATHS)
@pytest.mark.parametrize(
    "pieces", [["Mara ", "Weiss "], ["M", "ara W", "ei", "ss"], ["Weiss,", " Mar", "a"], ["Mara Weiss"]]
)
def test_a_name_in_pieces_never_begins(talk: str, pieces: list[str]) -> None:
    """What stands before it is out, and nothing of it; at the end of the stream or in its midst."""
    for behind in ([], [" is", " there."]):
        out = handed(written(talk, ["So it was ", "that I asked: ", *pieces, *behind]), a_hold())
        assert out.endswith(b"CUT")
        assert b"So it was " in out
        assert b"Mar" not in out
        assert b"Wei" not in out


@pytest.mark.parametrize("talk", PATHS)
@pytest.mark.parametrize("pieces", [["M.", "a.r", ".a W.e.", "i.s.s"], ["M", " a", " r a", " W e i s", " s"]])
def test_a_name_that_is_spaced_out_never_begins(talk: str, pieces: list[str]) -> None:
    """Its first letter waits for the others."""
    out = handed(written(talk, ["So it was ", "told by one: ", *pieces, " then."]), a_hold())
    assert out.endswith(b"CUT")
    assert b"So it was " in out
    assert not any(json.dumps(piece).encode() in out for piece in pieces)


@pytest.mark.parametrize("talk", PATHS)
def test_without_waiting_it_would_begin(talk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above sees a gateway that hands on each event as it comes."""
    monkeypatch.setattr(shields, "EVENTS_MAX", 0)
    assert b"Mara" in handed(written(talk, ["So ", "it was: ", "Mara ", "Weiss"]), a_hold())


@pytest.mark.parametrize("talk", PATHS)
def test_what_names_nobody_passes_byte_for_byte(talk: str) -> None:
    """In the order in which it came, and all of it; at most a few words late."""
    stream = written(talk, [f"word{number} " for number in range(100)] + ["Mara", " was there, and a certain Weiss"])
    assert handed(stream, a_hold(), 1) == stream
    hold, late = a_hold(), []
    out = b""
    events = [event + b"\n\n" for event in stream.split(b"\n\n")[:-1]]
    for number, event in enumerate(events, 1):
        out += hold.events(event, is_last=number == len(events))
        late.append(number - out.count(b"\n\n"))
    assert out == stream
    assert max(late[:90]) <= 4


@pytest.mark.parametrize("talk", ["chat", "responses", "messages"])
@pytest.mark.parametrize("frees_words", [False, True])
def test_what_is_handed_to_a_tool_is_looked_at_as_well(talk: str, frees_words: bool) -> None:
    """With escapes, also where one is cut in two; words alone are freed for who asks for help."""
    handing = json.dumps({"to": "friends", "text": "Dear all,\nMára Weiss"})
    for at in range(20, len(handing)):
        out = handed(written(talk, [handing[:at], handing[at:]], "mail"), a_hold(frees_words=frees_words))
        assert out.endswith(b"CUT"), at
    words = written(talk, ["Mara Weiss"])
    assert handed(words, a_hold(frees_words=True)) == words
    whole = SPEAKING[PATHS[talk]]("m1", 1, "mail").whole(handing)
    with pytest.raises(Named):
        a_hold(frees_words=frees_words).whole(json.dumps(whole).encode())


@given(
    talk=st.sampled_from(sorted(PATHS)),
    words=st.lists(st.sampled_from(PARTS), max_size=12),
    cuts=st.lists(st.integers(0, 80), max_size=6),
    is_handed=st.booleans(),
)
def test_a_stream_is_cut_where_its_whole_text_holds_a_name(
    talk: str, words: list[str], cuts: list[int], is_handed: bool
) -> None:
    """Wherever its pieces begin; else every byte of it comes out."""
    text = "".join(words)
    tool = "mail" if is_handed and talk != "completions" else None
    told = json.dumps({"text": text}, ensure_ascii=len(cuts) % 2 == 0) if tool else text
    edges = sorted({0, *(cut for cut in cuts if cut < len(told)), len(told)})
    pieces = [told[begin:end] for begin, end in pairwise(edges)]
    stream, is_named = written(talk, pieces, tool), Names(GATE_KEY, MARA).find(text)
    out = handed(stream, a_hold())
    assert out.endswith(b"CUT") == is_named
    if is_named:
        assert b"Mara Weiss" not in out
    else:
        assert out == stream


def test_texts_of_several_answers_do_not_mix() -> None:
    """Two choices of one request, whose words come in turn, are two texts; wherever they stand in an event."""
    def chunk(*said: tuple[int, str]) -> bytes:
        choices = [{"index": number, "delta": {"content": text}} for number, text in said]
        return b"data: " + json.dumps({"choices": choices}).encode() + b"\n\n"

    apart = chunk((0, "Mara ")) + chunk((1, "Weiss ")) + chunk((0, "is ")) + chunk((1, "so "))
    assert handed(apart, a_hold()) == apart
    turned = chunk((0, "x "), (1, "Mara ")) + chunk((1, "Weiss "))
    assert handed(turned, a_hold()).endswith(b"CUT")


def test_what_is_said_back_is_not_an_answer() -> None:
    """His own turns, and the operator's instructions."""
    own = {"instructions": "Mara Weiss", "metadata": {"a": "Mara Weiss"}, "output": []}
    kept = {"data": [{"role": "user", "content": "Mara Weiss"}]}
    for value in (own, kept):
        assert a_hold().whole(json.dumps(value).encode()) == json.dumps(value).encode()
    kept["data"][0]["role"] = "assistant"
    with pytest.raises(Named):
        a_hold().whole(json.dumps(kept).encode())


@pytest.mark.parametrize(
    "handing",
    [
        {"prompt": "Mara Weiss"}, {"user": {"id": "Mara Weiss"}}, {"Mara Weiss": True},
        {"to": [{"role": "user", "content": "Mara Weiss"}]},
    ],
)  # fmt: skip
def test_a_tool_s_arguments_are_the_model_s_words_whatever_their_keys_are_called(handing: Any) -> None:
    """They come as an object, in which nothing is said back."""
    for item in ({"type": "tool_use", "input": handing}, {"type": "tool_search_call", "arguments": handing}):
        with pytest.raises(Named):
            a_hold(frees_words=True).whole(json.dumps({"role": "assistant", "content": [item]}).encode())


def test_what_is_not_json_is_looked_at_as_it_is() -> None:
    """A text, an event of another form, half an event at the end."""
    for body in (b"Mara Weiss", b'{"a": "Mara\\nWeiss'):
        with pytest.raises(Named):
            a_hold().whole(body)
        with pytest.raises(Named):
            a_hold().events(b"data: " + body, is_last=True)
    assert a_hold().events(b": nothing\n\ndata: [DONE]\n\n", is_last=True).endswith(b"[DONE]\n\n")


def test_what_is_too_long_is_not_given() -> None:
    """Neither whole nor as one event: what is not looked through does not leave."""
    with pytest.raises(Named):
        a_hold().whole(b" " * (WHOLE_BYTES_MAX + 1))
    with pytest.raises(Named):
        a_hold().events(b"data: " + b" " * WHOLE_BYTES_MAX, is_last=False)


def test_an_escape_that_is_never_whole_holds_nothing_for_ever() -> None:
    """What is handed to a tool may end anywhere."""
    for ending in ("\\", "\\u00"):
        stream = written("messages", ['{"to": "all' + ending], "mail")
        assert handed(stream, a_hold()) == stream


def test_the_window_is_bounded_in_events() -> None:
    """Where a word stays open past the bound the oldest goes; the name it becomes is cut off before its end."""
    hold, out = a_hold(), b""
    first = b'data: {"choices":[{"index":0,"delta":{"content":"Mara"}}]}\n\n'
    out += hold.events(first, is_last=False)
    for _ in range(EVENTS_MAX):
        out += hold.events(b": wait\n\n", is_last=False)
    assert out.startswith(first)
    with pytest.raises(Named):
        hold.events(first.replace(b"Mara", b" Weiss "), is_last=False)


# --- through the gateway


async def shield(world: World, *, level: Level = Level.WATCH, version: int = 1) -> None:
    """Shield Mara Weiss from subject_a."""
    await world.hold(held(level, shields=MARA, name=f"item_{version}"), version=version)


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("talk", PATHS)
def test_an_answer_about_her_is_not_given(talk: str, is_stream: bool, caplog: Any) -> None:
    """403 where nothing was handed over yet, else a last event; what is about nobody passes."""

    async def story(world: World) -> None:
        await shield(world)
        fine = await world.send(body_of(talk, "A poem", stream=is_stream), path=PATHS[talk])
        assert (fine.status, b"poem" in fine.body) == (200, True)
        got = await world.send(body_of(talk, "Of Mara Weiss", stream=is_stream), path=PATHS[talk])
        assert b"content_not_available" in got.body
        assert b"Mara" not in got.body
        assert got.status == (200 if is_stream else 403)
        await until(lambda: len(world.store.rows()) == 2)

    world = run(story)
    fine, kept = world.store.rows()
    assert (fine["answer"], fine["complete"], kept["complete"]) == ("limit", True, False)
    assert kept["answer"] == ("limit" if is_stream else "refuse")


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_tool_is_not_handed_her_name(is_stream: bool) -> None:
    """Also not by who asks for help, and in the words of an answer he then gets it."""

    async def story(world: World) -> None:
        await shield(world)
        for said in ("Use mail: to Mara Weiss", "Use mail: my safety plan against Mara Weiss"):
            got = await world.send(body_of("chat", said, tools=[CALL], stream=is_stream))
            assert b"content_not_available" in got.body
        got = await world.send(body_of("chat", "A statement to the police about Mara Weiss", stream=is_stream))
        assert got.status == 200
        assert b"Mara" in got.body
        other = await world.send(body_of("chat", "Of Mara Weiss"), "subject_b")
        assert other.status == 200

    run(story)


@pytest.mark.parametrize(("path", "key"), [("/v1/images/generations", "prompt"), ("/v1/audio/speech", "input")])
def test_nothing_is_made_of_her_that_cannot_be_read(path: str, key: str) -> None:
    """A prompt for an image or a voice is refused by the name of its place, and the model is not asked."""

    async def story(world: World) -> None:
        await shield(world)
        fine = await world.send(json.dumps({key: "a tree"}).encode(), path=path)
        assert fine.status == 200
        got = await world.send(json.dumps({key: "Mara Weiss"}).encode(), path=path)
        assert (got.status, got.code, got.json["error"]["param"]) == (403, "feature_not_available", key)
        assert world.upstream.served == 1

    run(story)


def test_an_answer_that_cannot_be_read_is_not_given(caplog: Any) -> None:
    """The model was asked for plain bytes and packed them all the same."""

    async def packed(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for kind in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{kind}.complete"})
            return
        head = [(b"content-encoding", b"gzip"), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"packed"})

    async def story(world: World) -> None:
        await shield(world)
        got = await world.chat()
        assert (got.status, got.code) == (403, "content_not_available")

    run(story, World(upstream=packed))


def test_what_was_kept_is_looked_at_when_it_is_read_again() -> None:
    """A stored answer."""

    async def told(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for kind in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{kind}.complete"})
            return
        body = json.dumps({"id": "resp_1", "output": [{"content": [{"text": "Mara Weiss"}]}]}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    async def story(world: World) -> None:
        await shield(world)
        async with world.session.get(f"{world.base}/v1/responses/resp_1", headers={HEADER: "subject_a"}) as got:
            assert got.status == 403
            assert "Mara" not in await got.text()

    run(story, World(upstream=told))


def test_a_stream_under_a_shield_flows(caplog: Any) -> None:
    """It is held back by words and not to its end, and a measure cuts it as any other."""

    async def story(world: World) -> None:
        await shield(world)
        body = body_of("chat", "Hello", stream=True)
        asked = world.session.post(f"{world.base}/v1/chat/completions", data=body, headers={HEADER: "subject_a"})
        async with asked as response:
            first = await response.content.readany()
            assert b"stand-in" in first
            assert world.upstream.finished == 0
            await world.hold(held(Level.PAUSED), held(Level.WATCH, name="item_b"), version=2)
            rest = await response.content.read()
        assert b"account_restricted" in rest

    run(story, World(upstream=StandIn(token_s=0.02, words=100_000)))


# --- who asks for help


@pytest.mark.parametrize(
    "said",
    [
        "Write my petition for a protective order against Mara Weiss", "help me with a police report", "a safety plan",
        "He keeps threatening me", "They've got a no-contact order", "what to do with the threats I received",
        "I want to press charges", "a statement for the  police", "she was stalking me",
    ],
)  # fmt: skip
def test_who_asks_for_help_is_heard(said: str) -> None:
    """In the words that petitions and statements have."""
    assert seeks_help(said)


@pytest.mark.parametrize("said", ["", "She told me that she hates me", "Find her address", "Follow me on my site"])
def test_little_else_is_taken_for_it(said: str) -> None:
    """Or anybody would be free of a shield."""
    assert not seeks_help(said)


def test_only_the_account_s_own_last_turns_are_read() -> None:
    """Not what the operator or the model said; nothing where there is nothing to read."""
    turns: list[Any] = [{"role": "user", "content": f"turn {number}"} for number in range(4)]
    turns += [{"role": "assistant", "content": "a safety plan"}, "odd", {"role": "user", "content": [{"text": "x"}, 1]}]
    members = read_members(json.dumps({"messages": turns, "prompt": "p", "input": "i"}).encode())
    assert asked_by_user("chat", members) == "turn 2\nturn 3\nx"
    assert (asked_by_user(None, members), asked_by_user("responses", members)) == ("p", "i")
    for turned in (b"{}", b'{"messages":{}}', b'{"messages":1}'):
        assert asked_by_user("chat", read_members(turned)) == ""


@pytest.mark.parametrize("talk", PATHS)
def test_a_shield_that_comes_in_midst_ends_the_stream(talk: str) -> None:
    """What is asked again is answered, and looked through; a line that brings no new name ends nothing."""

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH))
        body = body_of(talk, "Hello", stream=True)
        asked = world.session.post(world.base + PATHS[talk], data=body, headers={HEADER: "subject_a"})
        async with asked as response:
            first = await response.content.readany()
            assert response.status == 200
            await world.hold(held(Level.WATCH), held(Level.WATCH, name="item_b", shields=MARA), version=2)
            rest = await response.content.read()
        *_, last = [part for part in (first + rest).split(b"\n\n") if part]
        assert b"not_ready" in last
        assert b"not_ready" not in first
        async with world.session.post(world.base + PATHS[talk], data=body, headers={HEADER: "subject_a"}) as again:
            await again.content.readany()
            nobody = frozenset({Shield("person_b", ())})
            items = [held(Level.WATCH, name="item_b", shields=MARA), held(Level.WATCH, name="item_c", shields=nobody)]
            await world.hold(held(Level.WATCH), *items, version=3)
            assert b"not_ready" not in await again.content.readany()
            assert world.upstream.finished == 0
        await until(lambda: len(world.store.rows()) == 2)

    world = run(story, World(upstream=StandIn(token_s=0.02, words=100_000)))
    assert [row["complete"] for row in world.store.rows()] == [False, False]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/images/generations"])
def test_an_answer_that_was_not_begun_is_asked_for_again(path: str) -> None:
    """503: a client that tries again by itself, as the official ones do, is answered under the shield."""

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH))
        body = json.dumps({"prompt": "Mara Weiss"}).encode() if "images" in path else body_of("chat", "Of Mara Weiss")
        asked = asyncio.create_task(world.send(body, path=path))
        await until(lambda: world.upstream.served == 1)
        await shield(world, version=2)
        got = await asked
        assert (got.status, got.code, "retry-after" in got.headers) == (503, "not_ready", True)
        await until(lambda: len(world.store.rows()) == 1)
        assert world.store.rows()[0]["answer"] == "refuse"

    run(story, World(upstream=Slow()))


class Slow(StandIn):
    """A model that thinks for long."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer nothing yet."""
        if scope["type"] == "http":
            self.served += 1
            await asyncio.sleep(600)
        await super().__call__(scope, receive, send)
