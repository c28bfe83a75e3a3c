"""The stand-in that writes letters to a file.

Law: a letter is on the disk when the call returns, or it is to be sent again.
"""

import json
from dataclasses import replace
from pathlib import Path

from answerable.ports.notifier import Delivery, DeliveryState, FileNotifier, Letter

LETTER = Letter(
    id="letter_1", channel="mail", to="mara@example.org", subject="Your notice", body="Received.\nThank you."
)


def ids(path: Path) -> list[str]:
    """Return the ids of the letters in a file, as they stand there."""
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def test_a_letter_becomes_a_line(tmp_path: Path) -> None:
    """Each letter is one JSON line with all that it holds, in a file of the owner's alone."""
    path = tmp_path / "letters.jsonl"
    assert FileNotifier(path).send(LETTER) == Delivery(letter="letter_1", state=DeliveryState.ACCEPTED)
    (line,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert line == {
        "id": "letter_1", "channel": "mail", "to": LETTER.to, "subject": LETTER.subject, "body": LETTER.body
    }
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_letter_sent_again_stands_there_once(tmp_path: Path) -> None:
    """By the same worker, by one started anew, or by another beside it: an id that is there is accepted and dropped."""
    path = tmp_path / "letters.jsonl"
    one, other = FileNotifier(path), FileNotifier(path)
    for notifier in (one, one, other, FileNotifier(path)):
        assert notifier.send(LETTER).state is DeliveryState.ACCEPTED
    assert other.send(replace(LETTER, id="letter_2")).state is DeliveryState.ACCEPTED
    assert one.send(replace(LETTER, id="letter_2")).state is DeliveryState.ACCEPTED
    one.send(replace(LETTER, id="letter_3"))
    assert ids(path) == ["letter_1", "letter_2", "letter_3"]


def test_half_a_letter_is_no_letter(tmp_path: Path) -> None:
    """What a full disk left of a line is taken away, and that letter comes again whole."""
    path = tmp_path / "letters.jsonl"
    notifier = FileNotifier(path)
    notifier.send(LETTER)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20].replace(b"letter_1", b"letter_2"))
    notifier.send(replace(LETTER, id="letter_2"))
    assert ids(path) == ["letter_1", "letter_2"]


def test_lines_of_others_and_an_emptied_file_stop_no_letter(tmp_path: Path) -> None:
    """A line that is no letter is left alone; who empties the file gets what comes afterwards."""
    path = tmp_path / "letters.jsonl"
    path.write_text("a note of somebody\n")
    notifier = FileNotifier(path)
    notifier.send(LETTER)
    assert path.read_text().startswith("a note of somebody\n{")
    path.write_text("")
    notifier.send(LETTER)
    assert ids(path) == ["letter_1"]


def test_a_letter_that_cannot_be_written_is_to_be_sent_again(tmp_path: Path) -> None:
    """A missing folder loses no letter silently."""
    delivery = FileNotifier(tmp_path / "missing" / "letters.jsonl").send(LETTER)
    assert delivery.state is DeliveryState.NOT_KNOWN
    assert delivery.detail
