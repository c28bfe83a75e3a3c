"""The stage: what the terminal shows, two or three plain sentences and then what really came over the wire.

Law: a person who is afraid may read this; nobody is judged here, and nothing is shown that was not measured.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from answerable.cli.demo.wire import Answer

WIDTH_MAX = 92
PAUSE_S = 2.5
WHO_LETTERS = 22
SHOWN_LINES = 2


@dataclass(slots=True)
class Stage:
    """One terminal. `pauses` gives a reader time between chapters; nothing waits where nobody reads along."""

    console: Console
    pauses: bool = False

    @property
    def width(self) -> int:
        """How wide the story is told."""
        return min(self.console.width, WIDTH_MAX)

    def chapter(self, at: datetime, title: str) -> None:
        """Begin a chapter: the day of the story, and what it is about."""
        if self.pauses:
            time.sleep(PAUSE_S)
        head = Text.assemble((f"{at:%A %-d %B %Y}", "cyan"), "  ", (title, "bold"))
        self.console.print()
        self._print(Rule(head, align="left", style="cyan"))

    def say(self, *sentences: str) -> None:
        """Say something in plain words."""
        self._print(Padding(Text.from_markup(" ".join(sentences)), (0, 0, 0, 1)))

    def came(self, who: str, answer: Answer, said: str | None = None) -> None:
        """Show one exchange over HTTP: who asked, the status, and a line of the answer."""
        style = "green" if 200 <= answer.status < 300 else "yellow"
        self._row(who, Text(str(answer.status or "-"), style=style), said if said is not None else answer.line)

    def note(self, who: str, what: str) -> None:
        """Show something that was measured and is no HTTP answer."""
        self._row(who, Text("·", style="cyan"), what)

    def command(self, line: str) -> None:
        """Show a command whole, to be copied: never broken by the width of the terminal."""
        self.console.print(Text("  " + line, style="dim"), soft_wrap=True)

    def numbers(self, rows: list[tuple[str, object]]) -> None:
        """Show what was counted."""
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=0)
        table.add_column(ratio=1)
        table.add_column(justify="right", style="bold", no_wrap=True)
        for what, number in rows:
            table.add_row("", what, str(number))
        self._print(table)

    def begin_line(self, text: str) -> None:
        """Begin a line that grows while time passes."""
        self.console.print(Text.assemble("   ", (text, "cyan"), " "), end="")

    def mark(self, text: str, style: str = "") -> None:
        """Let the line grow."""
        self.console.print(Text(text, style=style), end="")

    def end_line(self) -> None:
        """End the line."""
        self.console.print()

    def _row(self, who: str, sign: Text, said: str) -> None:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=1)
        table.add_column(width=WHO_LETTERS)
        table.add_column(width=3, justify="right")
        table.add_column(ratio=1)
        room = (self.width - WHO_LETTERS - 8) * SHOWN_LINES - 4
        shown = said if len(said) <= room else said[: room - 1].rstrip() + "…"
        table.add_row("", who, sign, Text(shown, style="dim"))
        self._print(table)

    def _print(self, what: RenderableType) -> None:
        self.console.print(what, width=self.width)
