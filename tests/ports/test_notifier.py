"""The stand-in that writes letters to a file.

Law: a letter is on the disk when the call returns, or it is to be sent again.
"""

import json
from pathlib import Path

from answerable.ports.notifier import Delivery, DeliveryState, FileNotifier, Letter

LETTER = Letter(
    id="letter_1", channel="mail", to="mara@example.org", subject="Your notice", body="Received.\nThank you."
)


def test_a_letter_becomes_a_line(tmp_path: Path) -> None:
    """Each letter is one JSON line with all that it holds, in a file of the owner's alone."""
    notifier = FileNotifier(tmp_path / "letters.jsonl")
    assert notifier.send(LETTER) == Delivery(letter="letter_1", state=DeliveryState.ACCEPTED)
    notifier.send(LETTER)
    lines = [json.loads(line) for line in (tmp_path / "letters.jsonl").read_text().splitlines()]
    assert (
        lines
        == [{"id": "letter_1", "channel": "mail", "to": LETTER.to, "subject": LETTER.subject, "body": LETTER.body}] * 2
    )
    assert (tmp_path / "letters.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_letter_that_cannot_be_written_is_to_be_sent_again(tmp_path: Path) -> None:
    """A missing folder loses no letter silently."""
    delivery = FileNotifier(tmp_path / "missing" / "letters.jsonl").send(LETTER)
    assert delivery.state is DeliveryState.NOT_KNOWN
    assert delivery.detail
