"""The look back into retained history: did this subject write an act together with the person he is warned about?

Law: "nothing" is said only of what was read whole; found is only what no frame accounts for (L10, L13).
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from answerable.core.facts import LookBackResult
from answerable.ports.history import HistoryCut, Message, MessageKind, Speaker
from answerable.ports.unknown import NotKnown
from answerable.screen.acts import Act, Voice, acts, frames, is_saturated
from answerable.screen.mentions import Aliases, Known, Match
from answerable.screen.patterns import ActKind, Frame
from answerable.screen.words import is_english

TOGETHER_MESSAGES = 6  # of the subject's own, between an act and the name of the person
HITS_MAX = 10_000
SPAN_LETTERS = 300
CONVERSATIONS_OPEN = 1024  # whose last messages are remembered; histories are told conversation by conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """An act in the subject's own text.

    `person` is whom it stands together with; `identified` says that it does so without a frame that accounts for it:
    that, and nothing less, is the act together with an identified person of E2.
    """

    kind: ActKind
    conversation: str
    message: str
    at: datetime
    start: int
    end: int
    excerpt: str = field(repr=False)
    span: str = field(repr=False)
    frames: frozenset[Frame]
    person: str | None = None
    identified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LookBack:
    """What the look back gave. `hits` lists acts without a person too, so "nothing" is never "clear".

    `read` counts all messages, `skipped` those of others, `not_screened` those of the subject that could not be read
    whole (another language, an image, too much), `reported` the acts he tells of others.
    """

    result: LookBackResult
    hits: tuple[Hit, ...]
    read: int
    skipped: int
    not_screened: int
    reported: int
    cut: bool


def look_back(messages: Iterable[Message] | NotKnown, persons: Sequence[Aliases]) -> LookBack:
    """Read a subject's history and return what in it concerns the persons."""
    known = Known(persons)
    reading = _Reading(known)
    is_cut = isinstance(messages, NotKnown)
    try:
        for message in () if isinstance(messages, NotKnown) else messages:
            reading.take(message)
    except HistoryCut:
        is_cut = True
    return LookBack(
        result=_result(reading, is_whole=not is_cut and not known.is_empty),
        hits=tuple(reading.hits),
        read=reading.read,
        skipped=reading.skipped,
        not_screened=reading.not_screened,
        reported=reading.reported,
        cut=is_cut,
    )


def _result(reading: "_Reading", *, is_whole: bool) -> LookBackResult:
    if any(hit.identified for hit in reading.hits):
        return LookBackResult.FOUND
    # an act with the person that a frame accounts for is for a human to judge: neither found nor nothing
    is_open = any(hit.person is not None for hit in reading.hits)
    return LookBackResult.NOTHING if is_whole and not reading.not_screened and not is_open else LookBackResult.NOT_KNOWN


@dataclass(slots=True)
class _Conversation:
    """The last messages of one conversation: whom they named, what they said they were, which acts wait for a name."""

    number: int = 0
    named: deque[tuple[int, Match]] = field(default_factory=deque)
    framed: deque[tuple[int, frozenset[Frame]]] = field(default_factory=deque)
    waiting: deque[tuple[int, int, Act]] = field(default_factory=deque)

    def forget(self) -> None:
        """Drop what lies too far back to be together with the present message."""
        oldest = self.number - TOGETHER_MESSAGES
        for remembered in (self.named, self.framed, self.waiting):
            while remembered and remembered[0][0] < oldest:
                remembered.popleft()


class _Reading:
    """The fold over the messages."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._open: OrderedDict[str, _Conversation] = OrderedDict()
        self.hits: list[Hit] = []
        self.read = self.skipped = self.not_screened = self.reported = 0

    def take(self, message: Message) -> None:
        """Read one message."""
        self.read += 1
        if message.role is not Speaker.USER:
            self.skipped += 1
            return
        text = self._known.spell(message.text)
        found = acts(text, message.role)
        matches, is_all_named = self._known.find(message.text)
        is_whole = is_all_named and not is_saturated(found) and _is_readable(message)
        conversation = self._conversation(message.conversation)
        self._remember(conversation, message, matches)
        own = [act for act in found if act.voice is not Voice.REPORTED]
        self.reported += len(found) - len(own)
        for act in own:
            is_whole = self._hit(conversation, message, act, matches) and is_whole
        self.not_screened += not is_whole

    def _conversation(self, name: str) -> _Conversation:
        conversation = self._open.pop(name, None) or _Conversation()
        self._open[name] = conversation
        if len(self._open) > CONVERSATIONS_OPEN:
            self._open.popitem(last=False)
        conversation.number += 1
        conversation.forget()
        return conversation

    def _remember(self, conversation: _Conversation, message: Message, matches: tuple[Match, ...]) -> None:
        said = frames(message.text)
        if said:
            conversation.framed.append((conversation.number, said))
        for match in matches:
            for _, place, act in conversation.waiting:
                if not self.hits[place].identified and self._is_together(act, match, is_same=False):
                    self.hits[place] = _named(self.hits[place], match)
            conversation.named.append((conversation.number, match))

    def _hit(self, conversation: _Conversation, message: Message, act: Act, matches: tuple[Match, ...]) -> bool:
        """Note an act; whether there was room for it."""
        if len(self.hits) >= HITS_MAX:
            return False
        accounted = frozenset[Frame]().union(*(said for _, said in conversation.framed))
        if act.voice is Voice.QUOTED:
            accounted |= {Frame.QUOTED}
        if message.kind is not MessageKind.MESSAGE:
            accounted |= {Frame.ATTACHED}
        hit = Hit(
            kind=act.kind,
            conversation=message.conversation,
            message=message.id,
            at=message.at,
            start=act.start,
            end=act.end,
            excerpt=message.text[act.start : act.end],
            span=span_around(message.text, act.start, act.end),
            frames=accounted,
        )
        before = [match for number, match in conversation.named if number < conversation.number]
        for match, is_same in (*((match, True) for match in matches), *((match, False) for match in before)):
            if not hit.identified and self._is_together(act, match, is_same=is_same):
                hit = _named(hit, match)
        conversation.waiting.append((conversation.number, len(self.hits), act))
        self.hits.append(hit)
        return True

    def _is_together(self, act: Act, match: Match, *, is_same: bool) -> bool:
        """Return whether an act and a name belong together: one message, or close by and done to nobody else."""
        return is_same or (act.is_directed and not self._known.is_somebody_else(act.target, match.person))


def span_around(text: str, start: int, end: int) -> str:
    """Return at most 300 letters of a message: the act, with as much before it as behind it."""
    before = min(start, max(0, SPAN_LETTERS - (end - start)) // 2)
    return text[start - before : start - before + SPAN_LETTERS]


def _named(hit: Hit, match: Match) -> Hit:
    """Return the hit together with a person."""
    # a character of a story has a name, but no address, number or account: fiction accounts for no such hit
    accounted = hit.frames if match.by_name else hit.frames - {Frame.FICTION}
    return replace(hit, person=match.person, identified=not accounted)


def _is_readable(message: Message) -> bool:
    """Return whether the words of a message could be read: an image has none, a file only where they were extracted."""
    if message.kind is MessageKind.IMAGE or (message.kind is MessageKind.FILE and "\n" not in message.text):
        return False
    return is_english(message.text)
