"""Asking for help against somebody: a protective order, a statement to the police, a safety plan, threats received.

Law L13: words are not withheld from who asks for that. The list is narrow, since whoever says these words gets past a
shield with them, and English alone: in other languages the shield holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from answerable.gateway.bodies import Members
from answerable.gateway.routes import Talk
from answerable.gateway.talks import WRITTEN

# A request goes on over some turns: "make it more formal".
TURNS_MAX = 3

_HELP = re.compile(
    r"\b(?:"
    r"(?:restraining|protective|protection|no[- ]contact) order|order of protection"
    r"|police (?:report|statement)|statement (?:to|for) the police|report (?:him|her|them|this|it) to (?:the )?police"
    r"|press charges|victim statement|safety plan(?:ning)?|domestic (?:abuse|violence) (?:shelter|hotline|help ?line)"
    r"|(?:he|she|they|who)(?:'s| is| are| was| were| has been| have been| had been| keeps?| kept)?"
    r" (?:threaten|stalk|harass|follow|abus)(?:s|es|ed|ing|ens|ened|ening)? me"
    r"|(?:threats?|threatening (?:messages?|letters?|e-?mails?|texts?)) (?:that )?(?:i|we)(?:'ve| have)?"
    r" (?:got|get|received)"
    r")\b",
    re.IGNORECASE,
)


def asked_by_user(talk: Talk | None, members: Members) -> str:
    """Give what the account's last turns say; "" where they cannot be read."""
    member = members.get("prompt" if talk is None else WRITTEN[talk].turns)
    try:
        turns = json.loads(member.value) if member is not None else None
    except (ValueError, RecursionError):
        return ""
    if isinstance(turns, str):
        return turns
    listed = [one for one in turns if isinstance(one, dict)] if isinstance(turns, list) else []
    own = [one.get("content") for one in listed if one.get("role") == "user"]
    return "\n".join(text for content in own[-TURNS_MAX:] for text in _texts(content))


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            yield part["text"]


def seeks_help(text: str) -> bool:
    """Say whether a text asks for help of this kind."""
    return _HELP.search(" ".join(text.replace("’", "'").split())) is not None  # noqa: RUF001
