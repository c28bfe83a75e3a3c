"""Conversations that a program holds parsed: what a limit withholds in them, and what it changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from answerable_gate import Frozen, Level, Limit, Request, Standing, Verdict, judge
from answerable_gate.io.answers import withheld
from answerable_gate.io.chats import CHAT, MESSAGES, RESPONSES, Talk, carry, tools_of, withheld_in
from tests.gate.build import START, a_policy, an_entry, an_item

SEARCH, CALCULATOR = ({"type": "function", "function": {"name": name}} for name in ("search", "calculator"))
HELLO = [{"role": "user", "content": "Hello"}]
POLICY = a_policy()


def verdict_of(standing: Standing, frozen: Frozen | None = None) -> Verdict:
    """Judge a request of which nothing more is known."""
    entry = replace(an_entry(replace(an_item(), standing=standing)), frozen=frozen)
    return judge(entry, Request(identity="subject_a", model=None, tools=None), START, POLICY)


GUARDED = verdict_of(Standing(Level.GUARDED))
CARE = verdict_of(Standing(Level.WATCH, limits=frozenset({Limit.CARE})))


def edited(verdict: Verdict, **data: Any) -> dict[str, Any]:
    """Give a request as it goes on."""
    asked = {"model": "m1", "messages": HELLO} | data
    carry(CHAT, asked, verdict, POLICY)
    return asked


def test_the_preamble_comes_first_and_nothing_else_changes() -> None:
    """Where only care applies; and where nothing does, nothing changes."""
    given = {"temperature": 1, "tools": [SEARCH], "store": True}
    told = edited(CARE, **given)
    assert told.pop("messages") == [{"role": "system", "content": POLICY.preamble}, *HELLO]
    assert told == {"model": "m1"} | given
    assert edited(verdict_of(Standing(Level.WATCH)), **given) == {"model": "m1", "messages": HELLO} | given


def test_words_of_care_are_in_the_language_of_the_request() -> None:
    """As the gateway's are."""
    asked: dict[str, Any] = {"messages": HELLO}
    carry(CHAT, asked, CARE, replace(POLICY, care=(("en", "Be kind."), ("de", "Sei freundlich."))), "de-CH")
    assert asked["messages"][0]["content"] == "Sei freundlich."


def test_tools_that_are_not_allowed_go_and_what_speaks_of_them() -> None:
    """A choice by name goes with any tool; everything that brings a tool unnamed goes."""
    choice = {"type": "function", "function": {"name": "search"}}
    told = edited(GUARDED, tools=[SEARCH, CALCULATOR], tool_choice=choice, mcp_servers=[{"url": "x"}], store=True)
    assert told["tools"] == [CALCULATOR]
    assert not {"tool_choice", "mcp_servers"} & told.keys()
    assert told["store"] is False
    none = edited(GUARDED, tools=[SEARCH], tool_choice="required", functions=[{"name": "search"}], function_call="auto")
    assert not {"tools", "tool_choice", "functions", "function_call"} & none.keys()
    kept = edited(GUARDED, tools=[CALCULATOR], tool_choice="required")
    assert (kept["tools"], kept["tool_choice"]) == ([CALCULATOR], "required")


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        (SEARCH, "search"),
        ({"function": {"name": "search"}}, "search"),
        ({"type": "custom", "custom": {"name": "grammar"}}, "grammar"),
        ({"type": "web_search"}, "web_search"),
        ({"name": "bare"}, "bare"),
        ({"type": "function", "name": "flat"}, ""),
        ("search", ""),
    ],
)
def test_a_tool_is_known_by_the_name_that_the_model_would_see(tool: object, name: str) -> None:
    """One that has none is called by none, which no list allows."""
    assert tools_of(CHAT, {"tools": [tool]}) == (name,)
    assert edited(GUARDED, tools=[tool]).get("tools") is None


def test_what_brings_a_tool_counts_as_one() -> None:
    """By its own key."""
    assert tools_of(CHAT, {"functions": [{"name": "f"}], "web_search_options": {"a": 1}}) == ("f", "web_search_options")
    assert tools_of(CHAT, {"tools": None, "web_search_options": None}) == ()


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("extra_body", {"tools": [SEARCH]}),
        ("vector_store_ids", ["vs_1"]),
        ("messages", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]),
        ("messages", [{"role": "user", "content": [{"type": "text", "text": "a", "file_id": "f"}]}]),
    ],
)
def test_what_no_edit_can_carry_is_withheld_by_its_name(part: str, value: object) -> None:
    """And not where its limit does not apply."""
    assert withheld_in(CHAT, {"messages": HELLO, part: value}, GUARDED) == part
    assert withheld_in(CHAT, {"messages": HELLO, part: value}, verdict_of(Standing(Level.WATCH))) is None
    assert withheld_in(CHAT, {"messages": HELLO, part: None}, GUARDED) is None
    assert withheld(GUARDED, part).param == part


def test_another_model_is_withheld_only_where_models_are_limited() -> None:
    """The one asked for is judged; those that would be asked instead are not known to anybody."""
    frozen = verdict_of(Standing(Level.WATCH), Frozen(models=("m1",), tools=None))
    assert withheld_in(CHAT, {"messages": HELLO, "fallbacks": ["m2"]}, frozen) == "fallbacks"
    assert withheld_in(CHAT, {"messages": HELLO, "fallbacks": ["m2"]}, GUARDED) is None


@pytest.mark.parametrize(
    ("talk", "own", "told"),
    [
        (RESPONSES, {"instructions": "Rhyme."}, {"instructions": f"{POLICY.preamble}\n\nRhyme."}),
        (RESPONSES, {}, {"instructions": POLICY.preamble}),
        (MESSAGES, {"system": "Rhyme."}, {"system": [POLICY.preamble, "Rhyme."]}),
        (MESSAGES, {"system": [{"type": "text", "text": "Rhyme."}]}, {"system": [POLICY.preamble, "Rhyme."]}),
        (MESSAGES, {}, {"system": [POLICY.preamble]}),
    ],
)
def test_each_api_has_its_place_for_the_preamble(talk: Talk, own: dict[str, Any], told: dict[str, Any]) -> None:
    """Before what the operator says himself."""
    asked = dict(own)
    carry(talk, asked, CARE, POLICY)
    system = told.get("system")
    assert asked == (told if system is None else {"system": [{"type": "text", "text": text} for text in system]})


@pytest.mark.parametrize(
    ("talk", "tool", "name"),
    [
        (RESPONSES, {"type": "function", "name": "flat"}, "flat"),
        (RESPONSES, {"type": "function", "function": {"name": "deep"}}, ""),
        (RESPONSES, {"type": "web_search"}, "web_search"),
        (MESSAGES, {"name": "bare", "input_schema": {}}, "bare"),
        (MESSAGES, {"type": "custom", "name": "own"}, "own"),
        (MESSAGES, {"type": "web_search_20250305", "name": "web_search"}, "web_search_20250305"),
    ],
)
def test_each_api_has_its_way_to_name_a_tool(talk: Talk, tool: dict[str, Any], name: str) -> None:
    """One that two readers would call by two names is called by none."""
    assert tools_of(talk, {"tools": [tool]}) == (name,)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("previous_response_id", "resp_1"),
        ("background", True),
        ("prompt", {"id": "pmpt_1"}),
        ("input", [{"type": "item_reference", "id": "msg_1"}]),
        ("input", [{"role": "user", "content": [{"type": "input_image", "detail": "low"}]}]),
    ],
)
def test_what_leads_back_or_runs_unseen_is_withheld(part: str, value: object) -> None:
    """From guarded on, and not where only care applies."""
    assert withheld_in(RESPONSES, {"input": "Hi", part: value}, GUARDED) == part
    assert withheld_in(RESPONSES, {"input": "Hi", part: value}, CARE) is None
    stored: dict[str, Any] = {"input": "Hi"}
    carry(RESPONSES, stored, GUARDED, POLICY)
    assert stored["store"] is False


def test_a_kept_prompt_may_bring_files() -> None:
    """Where documents alone are withheld, and tools and models are as they were."""
    asked = {"input": "Hi", "prompt": {"id": "pmpt_1", "variables": {"a": {"type": "input_file"}}}}
    no_documents = verdict_of(Standing(Level.WATCH, limits=frozenset({Limit.NO_DOCUMENTS})))
    assert withheld_in(RESPONSES, asked, no_documents) == "prompt"
