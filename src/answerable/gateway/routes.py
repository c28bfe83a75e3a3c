"""Which request is which, and what each can carry: the capability matrix of the gateway, as data.

Law (DESIGN section 6): what cannot be carried is replaced by something stronger, or reported as NOT IN FORCE.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote_to_bytes

from answerable_gate import Limit, Verdict, carrying
from answerable_gate.carrying import ALL, Carried

# Whose shape errors have, and where a body says for whom it is.
Api = Literal["openai", "anthropic"]
# How a conversation is written: what is edited in it, how its stream ends early, how its tokens are counted.
Talk = Literal["chat", "responses", "messages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One kind of request.

    `requests` are its methods and paths below /v1 (`{id}` is one part, `*` any rest). `carries` is what it does under
    a limit, or what has nothing to bear on there; `withheld_by` are the limits that it is the very object of;
    `prompts` are the members of its body from which something is made that nobody here can read.
    """

    name: str
    requests: tuple[str, ...]
    carries: frozenset[Carried]
    reads_body: bool = False
    is_exchange: bool = True
    withheld_by: frozenset[Limit] = frozenset()
    api: Api = "openai"
    talk: Talk | None = None
    prompts: tuple[str, ...] = ()


def _all_but(*missing: Carried) -> frozenset[Carried]:
    return ALL - frozenset(missing)


_MEMORY = frozenset({Limit.NO_MEMORY})
_DOCUMENTS = frozenset({Limit.NO_DOCUMENTS})

CHAT = Route(name="chat", requests=("POST /chat/completions",), carries=ALL, reads_body=True, talk="chat")
RESPONSES = Route(name="responses", requests=("POST /responses",), carries=ALL, reads_body=True, talk="responses")
MESSAGES = Route(
    name="messages", requests=("POST /messages",), carries=ALL, reads_body=True, api="anthropic", talk="messages"
)
# A bare prompt has no place for a preamble that the model would not take for its user's words.
COMPLETIONS = Route(name="completions", requests=("POST /completions",), carries=_all_but("preamble"), reads_body=True)
# What was answered before and kept: reading it again is memory.
STORED = Route(
    name="stored",
    requests=(
        "GET /responses/{id}", "DELETE /responses/{id}", "GET /responses/{id}/input_items", "GET /chat/completions",
        "GET /chat/completions/{id}", "GET /chat/completions/{id}/messages", "POST /chat/completions/{id}",
        "DELETE /chat/completions/{id}",
    ),
    carries=ALL,
    withheld_by=_MEMORY,
    talk="responses",
)  # fmt: skip
THREADS = Route(
    name="threads",
    requests=tuple(
        f"{method} /{kind}{rest}"
        for kind in ("assistants", "conversations", "threads")
        for method in ("GET", "POST", "DELETE")
        for rest in ("", "/*")
    ),
    carries=frozenset(),
    withheld_by=_MEMORY,
)
# Nothing is said in an embedding, but it is how programs remember and look things up.
EMBEDDINGS = Route(
    name="embeddings", requests=("POST /embeddings",), carries=_all_but("documents", "store"), reads_body=True
)
IMAGES = Route(
    name="images",
    requests=("POST /images/generations",),
    carries=_all_but("preamble"),
    reads_body=True,
    prompts=("prompt",),
)
IMAGE_EDITS = Route(
    name="image_edits",
    requests=("POST /images/edits", "POST /images/variations"),
    carries=_all_but("documents", "model", "names", "preamble"),
)
SPEECH = Route(
    name="speech",
    requests=("POST /audio/speech",),
    carries=_all_but("preamble"),
    reads_body=True,
    prompts=("input", "instructions"),
)
TRANSCRIPTS = Route(
    name="transcripts",
    requests=("POST /audio/transcriptions", "POST /audio/translations"),
    carries=_all_but("documents", "model", "names"),
)
# Under quarantine files are neither brought nor read nor erased until a person has decided.
FILES = Route(
    name="files",
    requests=tuple(
        f"{method} /{kind}{rest}"
        for kind in ("files", "uploads", "vector_stores")
        for method in ("GET", "POST", "DELETE")
        for rest in ("", "/*")
    ),
    carries=_all_but("documents", "names", "store"),
    withheld_by=_DOCUMENTS,
)
# What runs later, unseen, cannot be edited on its way.
BATCHES = Route(name="batches", requests=("POST /batches",), carries=frozenset(), reads_body=True)
MESSAGE_BATCHES = Route(
    name="message_batches",
    requests=("POST /messages/batches", "GET /messages/batches/{id}/results"),
    carries=frozenset(),
    api="anthropic",
)
REALTIME = Route(name="realtime", requests=("GET /realtime",), carries=frozenset())
# These requests are answered by no model, or only stop one: there is nothing in them to limit.
MODELS = Route(name="models", requests=("GET /models", "GET /models/{id}"), carries=ALL, is_exchange=False)
SIDE = Route(
    name="side",
    requests=(
        "POST /moderations", "POST /responses/input_tokens", "POST /responses/{id}/cancel", "GET /batches",
        "GET /batches/{id}", "POST /batches/{id}/cancel", "POST /threads/{id}/runs/{id}/cancel",
    ),
    carries=ALL,
    is_exchange=False,
)  # fmt: skip
MESSAGES_SIDE = Route(
    name="messages_side",
    requests=(
        "POST /messages/count_tokens", "GET /messages/batches", "GET /messages/batches/{id}",
        "DELETE /messages/batches/{id}", "POST /messages/batches/{id}/cancel",
    ),
    carries=ALL,
    is_exchange=False,
    api="anthropic",
)  # fmt: skip
OTHER = Route(name="other", requests=(), carries=frozenset())
MESSAGES_OTHER = Route(name="messages_other", requests=(), carries=frozenset(), api="anthropic")

# The first that fits holds.
ROUTES = (
    CHAT, RESPONSES, MESSAGES, COMPLETIONS, SIDE, MESSAGES_SIDE, STORED, THREADS, EMBEDDINGS, IMAGES, IMAGE_EDITS,
    SPEECH, TRANSCRIPTS, FILES, BATCHES, MESSAGE_BATCHES, REALTIME, MODELS, OTHER, MESSAGES_OTHER,
)  # fmt: skip

PREFIX = b"/v1/"
_ID = "[A-Za-z0-9._:-]+"
# A dot segment could lead out of the upstream's own prefix once somebody resolves it.
_DOTS = re.compile(rb"(?i)/(\.|%2e){1,2}(/|%2f|\\|%5c|$)|\\|%5c|%2f\.|%2f%2e")

# What ends a path for some servers, or a part of it for others.
_CUTS = re.compile(rb"[;#][^/]*")
_SLASHES = re.compile(rb"/{2,}")

_Pattern = tuple[str, re.Pattern[bytes], Route]


def route_of(method: str, path: bytes) -> Route | None:
    """Give the route of a request, None where the gateway has none, or only another spelling of one."""
    if (found := _EXACT.get((method, path))) is not None:
        return found
    if not path.startswith(PREFIX) or not path.isascii() or _DOTS.search(path):
        return None
    method = "GET" if method == "HEAD" else method
    if (route := _known(method, path)) is not None:
        return route
    # Under another spelling the upstream may well read it as a known one, and nothing would be carried.
    if _known(method, _plain(path)) is not None:
        return None
    return MESSAGES_OTHER if path.split(b"/", 3)[2] == b"messages" else OTHER


def _known(method: str, path: bytes) -> Route | None:
    kind = path.split(b"/", 3)[2]
    fits = (route for asked, pattern, route in _BY_KIND.get(kind, ()) if asked == method and pattern.fullmatch(path))
    return next(fits, None)


def _plain(path: bytes) -> bytes:
    """Spell a path as lenient servers read it; only to be compared."""
    read = _CUTS.sub(b"", unquote_to_bytes(path)).lower()
    return PREFIX + _SLASHES.sub(b"/", read).strip(b"/ \t").removeprefix(b"v1/")


def _by_kind() -> dict[bytes, tuple[_Pattern, ...]]:
    kinds: dict[bytes, tuple[_Pattern, ...]] = {}
    for route in ROUTES:
        for request in route.requests:
            method, path = request.split(" ")
            written = re.escape(path).replace(r"\{id\}", _ID).replace(r"\*", ".*")
            kind = path.split("/")[1].encode()
            kinds[kind] = (*kinds.get(kind, ()), (method, re.compile(f"/v1{written}".encode()), route))
    return kinds


_BY_KIND = _by_kind()
# Nearly every request is one of a conversation; it costs one look.
_EXACT = {("POST", f"/v1{route.requests[0].split()[1]}".encode()): route for route in (CHAT, RESPONSES, MESSAGES)}


def uncarried(route: Route, verdict: Verdict) -> tuple[Carried, ...]:
    """Give what a route cannot carry of a verdict, sorted."""
    return carrying.uncarried(verdict, route.carries)


def is_closed(route: Route, verdict: Verdict) -> bool:
    """Say whether a route is refused: it is what a limit withholds, or cannot carry what applies.

    From `guarded` on the next stronger step is within the evidence; below it (care alone, a freeze) a refusal would
    go beyond, and what is not in force is reported instead.
    """
    if verdict.answer != "limit":
        return False
    if route.withheld_by & verdict.limits:
        return True
    return carrying.closes(verdict, route.carries)
