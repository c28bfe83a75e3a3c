"""How each API writes a conversation, as far as a limit bears on it, as data."""

from __future__ import annotations

from dataclasses import dataclass, field

from answerable.gateway.routes import Talk

TOOLS, FUNCTIONS = "tools", "functions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The top-level keys of a request.

    `turns` is the conversation. `lists` are the lists of tools, each with what means nothing, or is refused by the
    model, once its tools are gone. `bringing` are tools by their mere presence; `recalling` leads back to what was
    kept; `unseen` brings from the upstream what is not in the request.
    """

    turns: str
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    bringing: tuple[str, ...] = ()
    recalling: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    stores: bool = True
    flat_tools: bool = True


WRITTEN: dict[Talk, Written] = {
    "chat": Written(
        turns="messages",
        lists={TOOLS: ("tool_choice", "parallel_tool_calls"), FUNCTIONS: ("function_call",)},
        bringing=("web_search_options",),
        flat_tools=False,
    ),
    "responses": Written(
        turns="input",
        lists={TOOLS: ("tool_choice", "parallel_tool_calls", "max_tool_calls")},
        recalling=("previous_response_id", "conversation"),
        unseen=("prompt",),
    ),
    "messages": Written(
        turns="messages",
        lists={TOOLS: ("tool_choice",)},
        bringing=("mcp_servers", "container"),
        stores=False,
    ),
}
