"""Asking: the users of the story speak to the model through the gate, and each exchange is counted as it was seen.

Law: what an exchange got is read from the answer itself: refused, answered after the preamble, or answered plainly.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from answerable.cli.demo.house import ACCOUNT, SMALL, House, preamble
from answerable.cli.demo.wire import Answer, Stream
from answerable.errors import AnswerableError

Got = Literal["allow", "limit", "refuse", "nothing"]
QUESTION = "Can you help me with a letter?"
CHAT = "/v1/chat/completions"
AGAIN_S = 0.2
TRIES = 300


class StoryFailed(AnswerableError):
    """The story did not happen as it is told."""

    code = "story_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One exchange: who asked when (by the story's clock), with which body, what came, and what that was."""

    at: datetime
    account: str
    body: dict[str, Any]
    answer: Answer
    got: Got

    @property
    def is_served(self) -> bool:
        """Tell whether the model's answer came."""
        return self.got in ("allow", "limit")


@dataclass(slots=True)
class Asking:
    """Everything that was asked, in order."""

    house: House
    preamble: str = field(default_factory=preamble)
    all: list[Said] = field(default_factory=list)

    def ask(self, text: str, account: str = ACCOUNT, model: str = SMALL) -> Said:
        """Ask once."""
        body = {"model": model, "messages": [{"role": "user", "content": text}]}
        at = self.house.now
        answer = self.house.gateway.post(CHAT, body, x_answerable_user=account)
        said = Said(at=at, account=account, body=body, answer=answer, got=self._got(answer))
        self.all.append(said)
        return said

    def ask_until(self, got: Got) -> Said:
        """Ask once the gate has heard of what just happened; fail where it never does what it must."""
        self.house.heard()
        for _ in range(TRIES):
            said = self.ask(QUESTION)
            if said.got == got:
                return said
            time.sleep(AGAIN_S)
        came = f"{said.got}: {said.answer.status} {said.answer.line}"
        raise StoryFailed(f"the gate was to answer {got}, and answered {came}")

    def stream(self, text: str) -> Stream:
        """Begin a long answer; how it ends is the story's to look at."""
        body = {"model": SMALL, "stream": True, "messages": [{"role": "user", "content": text}]}
        return self.house.gateway.stream(CHAT, body, x_answerable_user=ACCOUNT)

    def without_gate(self, asked: list[Said]) -> list[Answer]:
        """Send the same requests to the model's stand-in directly: what would have come without a gate."""
        return [self.house.model.post(CHAT, said.body) for said in asked]

    def of(self, account: str, which: Callable[[Said], bool]) -> list[Said]:
        """Return the exchanges of one account that are meant."""
        return [said for said in self.all if said.account == account and which(said)]

    def _got(self, answer: Answer) -> Got:
        if answer.status == 403:
            return "refuse"
        if answer.status != 200:
            return "nothing"
        return "limit" if self.preamble in answer.content else "allow"
