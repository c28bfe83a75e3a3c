"""The telling: the chapters in order, each step demanded and measured, with the numbers that are left at the end.

Law: a step that does not happen ends the story with its name; no number is ever written here by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from answerable.cli.demo.asking import Asking, Got, Said, StoryFailed
from answerable.cli.demo.house import House
from answerable.cli.demo.stage import Stage
from answerable.cli.demo.wire import Answer
from answerable.edge import rfc3339

NOT_YET = datetime(2025, 8, 12, tzinfo=UTC)
LEAD = "lead-1"


@dataclass(slots=True)
class Telling:
    """One evening: the house, the stage, everything that was asked, and what was measured on the way."""

    house: House
    stage: Stage
    asking: Asking
    case: str = ""
    proposal: str = ""
    notice_at: datetime = NOT_YET
    deadline: datetime = NOT_YET
    refused_restores: int = 0
    measured: dict[str, Any] = field(default_factory=dict)

    # --- the small verbs

    def send(self, who: str, path: str, body: dict[str, Any], status: int, code: str = "") -> Answer:
        """Send something as somebody and demand the status, and where something is refused, its code."""
        answer = self.house.wire(who).post(path, body)
        if answer.status != status or (code and answer.json.get("code") != code):
            came = f"{answer.status} came: {answer.line}"
            raise StoryFailed(f"{who} POST {path}: {status} {code} was to come, and {came}")
        return answer

    def on_case(self, who: str, noun: str, body: dict[str, Any], status: int = 201, code: str = "") -> Answer:
        """Do something in the case."""
        return self.send(who, f"/v1/cases/{self.case}/{noun}", body, status, code)

    def open_file(self, who: str, purpose: str = "review") -> dict[str, Any]:
        """Open the whole file; this is recorded before anything is shown."""
        return self.on_case(who, "views", {"purpose": purpose}).json

    def row(self) -> dict[str, Any]:
        """Return the case as a list shows it, without content and without its being opened."""
        return self.house.wire(LEAD).get(f"/v1/cases/{self.case}").json

    def jump(self, to: datetime) -> None:
        """Move the story's time."""
        if not self.house.jump(to):
            raise StoryFailed(f"the gateway gave no sign of life after the jump to {rfc3339(to)}")

    def demand(self, held: bool, what: str) -> None:
        """Go on only where something is as it is told."""
        if not held:
            raise StoryFailed(what)

    def shows(self, who: str, got: Got) -> None:
        """Let the user ask once the gate has heard of what just happened, and demand what he gets."""
        self.show(who, self.asking.ask_until(got))

    def show(self, who: str, said: Said) -> None:
        """Show what a user got."""
        words = {"allow": "answered: ", "limit": "answered, with care: ", "refuse": "", "nothing": "nothing: "}
        self.stage.came(who, said.answer, words[said.got] + said.answer.line)
