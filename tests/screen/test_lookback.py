"""The look back into retained history.

Law: "nothing" is said only of what was read whole; found is only what no frame accounts for.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from answerable.core.facts import LookBackResult
from answerable.ports.folder import Folder
from answerable.ports.history import HistoryCut, Message, MessageKind, Speaker
from answerable.ports.intake import FolderSink
from answerable.ports.unknown import NotKnown
from answerable.screen import lookback
from answerable.screen.exports.imports import Format, import_file
from answerable.screen.lookback import TOGETHER_MESSAGES, LookBack, look_back
from answerable.screen.mentions import MENTIONS_MAX, Aliases
from answerable.screen.patterns import ActKind, Frame
from answerable.vault.identifiers import Identifier, IdentifierKind

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
AT = datetime(2024, 3, 1, 12, tzinfo=UTC)


def _person(name: str, *more: Identifier) -> Aliases:
    return Aliases(person=name.split(maxsplit=1)[0].lower(), identifiers=(Identifier(IdentifierKind.NAME, name), *more))


MARA = _person("Mara Ellison", Identifier(IdentifierKind.EMAIL, "mara.ellison@example.org"))
CORVIN = _person("Corvin Vale")


def _said(*texts: str, role: Speaker = Speaker.USER, kind: MessageKind = MessageKind.MESSAGE) -> list[Message]:
    return [
        Message(
            account="u", conversation="c", id=f"m{n}", role=role, text=text, at=AT + timedelta(minutes=n), kind=kind
        )
        for n, text in enumerate(texts)
    ]


def _look(*texts: str) -> LookBack:
    return look_back(_said(*texts), [MARA])


def _story(name: str, person: Aliases, tmp_path: Path) -> LookBack:
    """Import a history and look back into it the way a notice does."""
    path = FIXTURES / f"history_{name}.jsonl"
    account = json.loads(path.read_text().partition("\n")[0])["user"]
    assert import_file(path, Format.JSONL, FolderSink(tmp_path)).is_complete
    return look_back(Folder(tmp_path).fetch(account), [person])


def test_the_founding_story_is_found(tmp_path: Path) -> None:
    """Report, mail to the employer, a new number, her address: each is an act with her, and the look back says so."""
    seen = _story("founding", MARA, tmp_path)
    assert seen.result is LookBackResult.FOUND
    assert {hit.kind for hit in seen.hits if hit.identified} == {
        ActKind.DOSSIER,
        ActKind.ENLIST,
        ActKind.CONTACT_EVASION,
        ActKind.LOCATE,
        ActKind.THREAT,
    }
    assert {hit.person for hit in seen.hits} == {"mara"}
    assert seen.skipped == 6
    assert seen.read == 17


@pytest.mark.parametrize(
    ("name", "person"),
    [
        ("novelist", _person("Petra Lindqvist")),
        ("journalist", MARA),
        ("journalist", CORVIN),
        ("victim", CORVIN),
        ("victim", MARA),
        ("household", MARA),
    ],
)
def test_innocent_histories_hold_no_identified_act(name: str, person: Aliases, tmp_path: Path) -> None:
    """Who writes a novel, reports a trial, asks for protection or shares a home has no act of his own with them."""
    seen = _story(name, person, tmp_path)
    assert seen.result is LookBackResult.NOTHING
    assert not any(hit.identified or hit.person for hit in seen.hits)


def test_the_diary_of_a_character_is_for_a_human(tmp_path: Path) -> None:
    """A notice in the name of the narrator of a novel finds no identified act; the framed one is kept."""
    seen = _story("novelist", _person("Daniel Harrow"), tmp_path)
    assert seen.result is LookBackResult.NOT_KNOWN
    assert not any(hit.identified for hit in seen.hits)


def test_a_victim_who_quotes_threats_has_made_none(tmp_path: Path) -> None:
    """What she received is counted as reported and is no hit of hers (L13)."""
    seen = _story("victim", CORVIN, tmp_path)
    assert seen.hits == ()
    assert seen.reported > 0


def test_the_same_history_with_her_name_alone_is_another_persons(tmp_path: Path) -> None:
    """A notice about somebody else finds nothing in the founding story."""
    seen = _story("founding", _person("Petra Lindqvist"), tmp_path)
    assert seen.result is LookBackResult.NOTHING
    assert seen.hits


def test_an_act_and_a_name_in_one_message_are_together() -> None:
    """The plainest case, with everything a signal needs."""
    seen = _look("I will kill Mara Ellison")
    (hit,) = seen.hits
    assert (hit.person, hit.identified, hit.excerpt, hit.message, hit.at) == (
        "mara",
        True,
        "I will kill Mara Ellison",
        "m0",
        AT,
    )
    assert "kill" not in repr(hit)
    assert seen.result is LookBackResult.FOUND


def test_a_name_typed_small_is_still_a_name() -> None:
    """Capitals are not needed where the notice gave the name."""
    assert _look("mara ellison is in town", "i will kill mara").result is LookBackResult.FOUND


@pytest.mark.parametrize("gap", [1, TOGETHER_MESSAGES, TOGETHER_MESSAGES + 1])
@pytest.mark.parametrize("is_name_first", [True, False])
def test_act_and_name_are_together_within_some_messages(gap: int, is_name_first: bool) -> None:
    """Before or after, within six messages of the subject's own the pronoun is taken to mean the person; beyond not."""
    first, last = "Mara Ellison called.", "I will kill her."
    if not is_name_first:
        first, last = last, first
    seen = _look(first, *["I see."] * (gap - 1), last)
    assert seen.hits[0].identified is (gap <= TOGETHER_MESSAGES)
    assert seen.result is (LookBackResult.FOUND if gap <= TOGETHER_MESSAGES else LookBackResult.NOTHING)


def test_conversations_do_not_mix() -> None:
    """A name in one conversation says nothing about an act in another."""
    here, there = _said("Mara Ellison called.", "I will kill her.")
    elsewhere = Message(account="u", conversation="d", id="x", role=there.role, text=there.text, at=there.at)
    assert look_back([here, elsewhere], [MARA]).result is LookBackResult.NOTHING


def test_an_act_on_somebody_else_is_not_with_her() -> None:
    """Who threatens Tom while speaking of her has not threatened her; in one message both count."""
    assert _look("Mara Ellison called.", "I will kill Tom.").result is LookBackResult.NOTHING
    assert _look("I will kill Tom if Mara Ellison calls.").result is LookBackResult.FOUND


def test_an_act_on_an_address_is_done_to_whose_it_is() -> None:
    """Hers is hers, however she is named else; another's is another's, as another name would be (L13)."""
    assert _look("I will kill mara.ellison@example.org tonight").result is LookBackResult.FOUND
    assert _look("Mara Ellison called.", "I will kill mara.ellison@example.org").hits[0].identified
    assert _look("Mara Ellison called.", "I will kill @mara_e").hits[0].person is None
    for other in ("tom@example.org", "+1 202 555 0147", "https://instagram.com/tom"):
        assert _look("Mara Ellison called.", f"I will kill {other}").result is LookBackResult.NOTHING, other


def test_a_weapon_needs_her_in_the_same_message() -> None:
    """An act that is done to nobody in the sentence is not tied to a name further off."""
    assert _look("Mara Ellison called.", "I bought a rifle.").result is LookBackResult.NOTHING
    assert _look("I bought a rifle for Mara Ellison.").result is LookBackResult.FOUND


@pytest.mark.parametrize("name", ["Mara", "Ellison", "M. E."])
def test_a_first_name_alone_identifies_nobody(name: str) -> None:
    """A first name is whom an act may be done to, and nobody in particular (E2)."""
    seen = _look(f"{name} called.", "I will kill her.")
    assert seen.result is LookBackResult.NOTHING
    assert [hit.person for hit in seen.hits] == [None]


def test_words_of_the_model_are_nobodys_act() -> None:
    """What the assistant wrote, and whom it named, is skipped and counted."""
    said = _said("Mara Ellison: I will kill her", role=Speaker.ASSISTANT)
    seen = look_back([*said, *_said("I will kill her")], [MARA])
    assert (seen.result, seen.skipped) == (LookBackResult.NOTHING, 1)


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (Frame.FICTION, "For my novel: I will kill Mara Ellison"),
        (Frame.VICTIM, "He keeps threatening me. I will kill Mara Ellison"),
        (Frame.NEWS_OR_STUDY, "For my thesis: how do I find Mara Ellison's address"),
        (Frame.PROFESSIONAL, "I'm a lawyer. Find Mara Ellison's address."),
        (Frame.QUOTED, "> I will kill Mara Ellison"),
    ],
)
def test_a_framed_act_with_her_is_neither_found_nor_nothing(frame: Frame, text: str) -> None:
    """A frame takes the act out of what happens by itself, and leaves it to a human: not known, with the hit."""
    seen = _look(text)
    assert seen.result is LookBackResult.NOT_KNOWN
    (hit,) = seen.hits
    assert hit.frames == {frame}
    assert (hit.person, hit.identified) == ("mara", False)


def test_a_frame_lasts_as_long_as_a_name_does() -> None:
    """Six messages after the novel was spoken of the act is the writer's own again."""
    for gap, result in ((1, LookBackResult.NOT_KNOWN), (TOGETHER_MESSAGES + 1, LookBackResult.FOUND)):
        assert _look("It is for my novel.", *["I see."] * (gap - 1), "I will kill Mara Ellison").result is result


def test_fiction_does_not_account_for_an_address() -> None:
    """A character of a story has no e-mail address: the known way round is no way round."""
    seen = _look("For my novel: I will kill mara.ellison@example.org, Mara Ellison")
    assert seen.result is LookBackResult.FOUND


def test_a_later_name_can_identify_what_an_earlier_frame_held_back() -> None:
    """The address that follows the framed act identifies it, the name again does not."""
    story = "For my novel: I will kill Mara Ellison"
    assert _look(story, "Mara Ellison again").result is LookBackResult.NOT_KNOWN
    assert _look(story, "It is mara.ellison@example.org").result is LookBackResult.FOUND


@pytest.mark.parametrize("kind", [MessageKind.TITLE, MessageKind.MEMORY, MessageKind.FILE])
def test_what_was_handed_over_is_framed(kind: MessageKind) -> None:
    """A file may be the letter somebody received: an act in it is seen and not held against him by itself."""
    seen = look_back(_said("letter.txt\nI will kill Mara Ellison", kind=kind), [MARA])
    assert seen.result is LookBackResult.NOT_KNOWN
    assert Frame.ATTACHED in seen.hits[0].frames


@pytest.mark.parametrize(
    "message",
    [
        _said("te voy a matar")[0],
        _said("house.jpg", kind=MessageKind.IMAGE)[0],
        _said("plan.pdf", kind=MessageKind.FILE)[0],
        _said(" ".join(f"a{n}@example.org" for n in range(MENTIONS_MAX)))[0],
        _said("I will kill it. " * 10 + "I will kill him. " * 300)[0],
    ],
)
def test_what_was_not_read_whole_is_not_nothing(message: Message) -> None:
    """Another language, a picture, a file without words and a flood are not screened, and so not known (L10)."""
    seen = look_back([*_said("Good morning."), message], [MARA])
    assert (seen.result, seen.not_screened, seen.read) == (LookBackResult.NOT_KNOWN, 1, 2)


def test_what_was_found_stays_found_beside_what_was_not_read() -> None:
    """A message that could not be read takes nothing away from an act that was."""
    assert _look("te voy a matar", "I will kill Mara Ellison").result is LookBackResult.FOUND


def _cut(messages: Iterable[Message]) -> Iterator[Message]:
    yield from messages
    raise HistoryCut


def test_an_absent_or_cut_history_is_not_known() -> None:
    """Where the history is missing or breaks off, "nothing" is not said; what was found before stays found."""
    absent = look_back(NotKnown("down"), [MARA])
    assert (absent.result, absent.read, absent.cut) == (LookBackResult.NOT_KNOWN, 0, True)
    assert look_back(_cut(_said("Hello.")), [MARA]).result is LookBackResult.NOT_KNOWN
    assert look_back(_cut(_said("I will kill Mara Ellison")), [MARA]).result is LookBackResult.FOUND
    assert look_back([], [MARA]).result is LookBackResult.NOTHING


def test_without_a_person_to_look_for_nothing_is_not_said() -> None:
    """A notice that identified nobody was not checked against anything."""
    first_name = Aliases(person="mara", identifiers=(Identifier(IdentifierKind.NAME, "Mara"),))
    for persons in ([], [first_name]):
        seen = look_back(_said("I will kill Mara"), persons)
        assert seen.result is LookBackResult.NOT_KNOWN
        assert len(seen.hits) == 1


def test_two_persons_are_told_apart() -> None:
    """Each hit says together with whom it stands."""
    seen = look_back(_said("I will kill Mara Ellison", "Where does Corvin Vale live?"), [MARA, CORVIN])
    assert [(hit.person, hit.kind) for hit in seen.hits] == [("mara", ActKind.THREAT), ("corvin", ActKind.LOCATE)]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the limits on hits and open conversations the look back goes on and does not say nothing."""
    monkeypatch.setattr(lookback, "HITS_MAX", 3)
    monkeypatch.setattr(lookback, "CONVERSATIONS_OPEN", 2)
    messages = [
        Message(account="u", conversation=f"c{n}", id="m", role=Speaker.USER, text="I will kill him.", at=AT)
        for n in range(5)
    ]
    seen = look_back(messages, [MARA])
    assert (len(seen.hits), seen.read, seen.not_screened) == (3, 5, 2)
    assert seen.result is LookBackResult.NOT_KNOWN
