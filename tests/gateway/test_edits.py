"""What a limit changes in a request, and what it leaves alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from answerable.errors import BadInput
from answerable.gateway.bodies import read_members
from answerable.gateway.edits import carry, identified, tools_of
from answerable.gateway.routes import Api, Talk
from answerable_gate import NOTHING, Level, Limit, Standing, Verdict
from answerable_gate.judge import GUARDED_LIMITS
from tests.gate.build import a_policy

POLICY = a_policy(preamble='Take "care".', tools_allowed=("calculator",))


def limited(standing: Standing = NOTHING, tools: tuple[str, ...] | None = None) -> Verdict:
    """Build a verdict that limits."""
    limits = standing.limits | GUARDED_LIMITS if standing.level >= Level.GUARDED else standing.limits
    return Verdict("limit", standing.level, limits, standing.shields, tools, None, None, ())


GUARDED = limited(Standing(Level.GUARDED), ("calculator",))
LIST_ONLY = limited(tools=("calculator",))


def tool(name: str) -> dict:
    """Build a function tool."""
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


def edited(verdict: Verdict, **asked: Any) -> dict:
    """Edit a request that is written as Python writes JSON."""
    return written("chat", verdict, **{"messages": [], **asked})


def written(talk: Talk, verdict: Verdict, **asked: Any) -> dict:
    """Edit a request of an API."""
    return json.loads(carry(talk, read_members(json.dumps(asked).encode()), verdict, POLICY))


def test_the_preamble_stands_before_everything() -> None:
    """The operator's own system message stays, byte for byte, behind it."""
    body = b'{ "model" : "m1",\n "messages" :[ {"role":"system","content":"\\u0041 \xc3\xa9"} , {"x": 1e2}],"n":1 }'
    first = b'{"role":"system","content":"Take \\"care\\"."}'
    kept = b' {"role":"system","content":"\\u0041 \xc3\xa9"} , {"x": 1e2}]'
    wanted = b'{"model" : "m1","messages":[' + first + b"," + kept + b',"n":1,"store":false}'
    assert carry("chat", read_members(body), GUARDED, POLICY) == wanted


def test_an_empty_conversation_has_the_preamble_alone() -> None:
    """No comma without something behind it."""
    assert edited(GUARDED, messages=[])["messages"] == [{"role": "system", "content": POLICY.preamble}]
    assert b"[]" not in carry("chat", read_members(b'{"messages":[ \n ]}'), GUARDED, POLICY)


@pytest.mark.parametrize("body", [b"{}", b'{"messages":"Hi"}', b'{"messages":null}', b'{"messages":{"a":[]}}'])
def test_without_messages_nothing_is_passed(body: bytes) -> None:
    """A request that could not carry the preamble is refused, not passed without."""
    with pytest.raises(BadInput, match="messages"):
        carry("chat", read_members(body), GUARDED, POLICY)


def test_a_policy_without_preamble_adds_no_message() -> None:
    """There is nothing to say."""
    members = read_members(b'{"messages":[1]}')
    assert carry("chat", members, GUARDED, a_policy(preamble="")) == b'{"messages":[1],"store":false}'


def test_tools_off_the_list_go() -> None:
    """What is on it stays, and a choice of what may be gone goes with it."""
    asked = {"tools": [tool("calculator"), tool("mail")], "tool_choice": tool("mail"), "parallel_tool_calls": True}
    got = edited(LIST_ONLY, **asked)
    assert got["tools"] == [tool("calculator")]
    assert "tool_choice" not in got
    assert got["parallel_tool_calls"] is True


def test_a_choice_that_names_nothing_stays_while_a_tool_does() -> None:
    """`required` asks for any of the tools that are left."""
    got = edited(LIST_ONLY, tools=[tool("calculator"), tool("mail")], tool_choice="required")
    assert got["tool_choice"] == "required"


def test_without_any_tool_left_nothing_speaks_of_tools() -> None:
    """An API refuses a choice among none, and an empty list."""
    asked = {"tools": [tool("mail")], "tool_choice": "auto", "parallel_tool_calls": False}
    assert edited(LIST_ONLY, **asked) == {"messages": []}
    assert edited(LIST_ONLY, tools=[], tool_choice="auto") == {"messages": []}
    assert edited(LIST_ONLY, functions=[{"name": "mail"}], function_call={"name": "mail"}) == {"messages": []}
    assert edited(LIST_ONLY, web_search_options={}) == {"messages": []}


def test_allowed_tools_keep_their_bytes() -> None:
    """Where all are on the list, nothing is written anew."""
    body = b'{"messages":[],"tools":[ {"type" :"function","function":{"name":"calculator"}} ],"tool_choice": "auto"}'
    assert carry("chat", read_members(body), LIST_ONLY, POLICY) == body


@pytest.mark.parametrize(
    "told",
    [
        '{"type":"web_search","name":"calculator"}',
        '{"type":"function","function":{"name":"calculator","name":"mail"}}',
        '{"type":"function","function":{"name":"calculator"},"Function":{"name":"mail"}}',
        '{"function":{"name":"mail"},"name":"calculator"}',
        '{"type":"function","function":"calculator"}',
        '{"type":"function","function":{"name":["calculator"]}}',
        '"calculator"',
        '{"type":["calculator"]}',
    ],
)
def test_a_tool_with_two_names_has_none(told: str) -> None:
    """A tool that only looks like one on the list is removed."""
    members = read_members(('{"messages":[],"tools":[' + told + "]}").encode())
    assert carry("chat", members, LIST_ONLY, POLICY) == b'{"messages":[]}'


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (
            {"tools": [tool("a"), {"type": "custom", "custom": {"name": "b"}}, {"type": "mcp", "name": "x"}]},
            ("a", "b", "mcp"),
        ),
        ({"functions": [{"name": "f", "parameters": {"A": 1, "a": 2}}]}, ("f",)),
        ({"web_search_options": {}}, ("web_search_options",)),
        ({"tools": None}, ()),
        ({}, ()),
    ],
)
def test_tools_are_known_by_name(asked: dict, names: tuple[str, ...]) -> None:
    """Every way to bring a tool is seen."""
    assert tools_of("chat", read_members(json.dumps(asked).encode())) == names


@pytest.mark.parametrize("value", [b"1", b"{}", b'"x"'])
def test_tools_are_a_list(value: bytes) -> None:
    """What cannot be filtered is refused."""
    with pytest.raises(BadInput, match="tools"):
        tools_of("chat", read_members(b'{"tools":' + value + b"}"))


def test_nothing_is_stored_where_memory_is_withheld() -> None:
    """Whatever the client asked, and also where it asked nothing, since a project may store by default."""
    forgetful = limited(Standing(limits=frozenset({Limit.NO_MEMORY})))
    assert edited(forgetful, store=True) == {"messages": [], "store": False}
    assert edited(forgetful) == {"messages": [], "store": False}


def test_care_alone_brings_the_preamble() -> None:
    """And touches neither tools nor storage."""
    got = edited(limited(Standing(limits=frozenset({Limit.CARE}))), tools=[tool("mail")], store=True)
    assert got["messages"][0]["content"] == POLICY.preamble
    assert (got["tools"], got["store"]) == ([tool("mail")], True)


def test_a_response_is_told_by_its_instructions() -> None:
    """The operator's own stay behind the preamble; nothing is kept."""
    told = {"instructions": POLICY.preamble, "store": False}
    assert written("responses", GUARDED) == told
    assert written("responses", GUARDED, instructions=None, store=True) == told
    both = written("responses", GUARDED, instructions="Be brief.", input="Hi")
    assert both == {"instructions": f"{POLICY.preamble}\n\nBe brief.", "input": "Hi", "store": False}
    with pytest.raises(BadInput, match="instructions"):
        written("responses", GUARDED, instructions=["Be brief."])


def test_a_message_is_told_by_its_system() -> None:
    """In its own shape, and without a member that its API does not know."""
    first = {"type": "text", "text": POLICY.preamble}
    own = {"type": "text", "text": "Be brief."}
    assert written("messages", GUARDED) == {"system": [first]}
    assert written("messages", GUARDED, system="") == {"system": [first]}
    assert written("messages", GUARDED, system="Be brief.") == {"system": [first, own]}
    assert written("messages", GUARDED, system=[own | {"cache_control": {}}]) == {
        "system": [first, own | {"cache_control": {}}]
    }
    assert written("messages", GUARDED, system=[]) == {"system": [first]}


def test_the_tools_of_other_apis_go_as_well() -> None:
    """By their own shapes; what the upstream runs itself is named by its type, and counts where it stands alone."""
    flat = [{"type": "function", "name": "calculator"}, {"type": "web_search"}, {"type": "mcp", "server_label": "x"}]
    got = written("responses", LIST_ONLY, tools=flat, tool_choice={"type": "mcp"}, max_tool_calls=3)
    assert got == {"tools": flat[:1], "max_tool_calls": 3}
    assert written("responses", LIST_ONLY, tools=flat[1:], max_tool_calls=3) == {}
    bare = [{"name": "calculator", "input_schema": {}}, {"type": "custom", "name": "mail"}, {"type": "computer_1"}]
    asked = {"tools": bare, "tool_choice": {"type": "auto"}, "mcp_servers": [{}], "container": "c"}
    assert written("messages", LIST_ONLY, **asked) == {"tools": bare[:1]}
    assert written("messages", limited(tools=("container",)), container="c") == {"container": "c"}


@pytest.mark.parametrize("talk", ["responses", "messages"])
def test_a_flat_tool_with_two_names_has_none(talk: Talk) -> None:
    """A name at the top is no name where another reader looks below."""
    doubtful = {"type": "function", "name": "calculator", "function": {"name": "mail"}}
    assert written(talk, LIST_ONLY, tools=[doubtful]) == {}


@pytest.mark.parametrize(
    ("body", "api", "named"),
    [
        (b'{"model": "m" }\n', "openai", b'{"model": "m" ,"safety_identifier":"ab"}'),
        (b"{ }", "openai", b'{ "safety_identifier":"ab"}'),
        (b'{"user":"x"}', "openai", b'{"user":"x"}'),
        (b'{"safety_identifier":"x"}', "openai", b'{"safety_identifier":"x"}'),
        (b'{"User":"x"}', "openai", b'{"User":"x"}'),
        (b"no JSON", "openai", b"no JSON"),
        (b'{"user":"x"}', "anthropic", b'{"user":"x","metadata":{"user_id":"ab"}}'),
        (b'{"metadata":{}}', "anthropic", b'{"metadata":{}}'),
    ],
)
def test_an_account_is_named_where_nobody_is(body: bytes, api: Api, named: bytes) -> None:
    """Everything else keeps its bytes; what is named already, or cannot be read, is passed as it is."""
    assert identified(body, "ab", api) == named
