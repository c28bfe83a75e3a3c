"""Operating errors: what can go wrong that no rule of the house foresees as a refusal.

Law: the docstring of a class is its default message, and what is ours to mend (5xx) never leaks its detail.
"""

from http import HTTPStatus


class AnswerableError(Exception):
    """Something went wrong here; nothing was changed."""

    code = "internal"
    status = 500

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        """Take the message shown to the operator and a hint on what to do next."""
        # args holds exactly what __init__ takes by position, so that pickling restores the error; the hint travels
        # in __dict__.
        super().__init__(message if message is not None else default_message(type(self)))
        self.hint = hint

    def __str__(self) -> str:
        """Return the message alone."""
        return str(self.args[0])


class BadInput(AnswerableError):
    """The input cannot be read as what it should be."""

    code = "bad_input"
    status = 400


class NotAuthenticated(AnswerableError):
    """No valid credentials came with the request."""

    code = "not_authenticated"
    status = 401


class NotAuthorised(AnswerableError):
    """These credentials do not allow this act."""

    code = "not_authorised"
    status = 403


class NotFound(AnswerableError):
    """There is nothing here under this name."""

    code = "not_found"
    status = 404


class Conflict(AnswerableError):
    """Somebody else changed this in the meantime; read it again and repeat."""

    code = "conflict"
    status = 409


class Busy(Conflict):
    """Somebody else is writing there; try again."""

    code = "busy"
    status = 503


class TooLarge(AnswerableError):
    """The input is larger than the limit."""

    code = "too_large"
    status = 413


class TooMany(AnswerableError):
    """Too many requests came in too short a time."""

    code = "too_many"
    status = 429


class StoreUnavailable(AnswerableError):
    """The store cannot be read or written now; nothing was accepted."""

    code = "store_unavailable"
    status = 503


class Unsure(StoreUnavailable):
    """The store was lost while it committed, and nobody can tell whether it did; ask again under the same id."""

    code = "unsure"


class SignerUnavailable(AnswerableError):
    """The signer does not answer; nothing is lowered until it does, and everything else goes on."""

    code = "signer_unavailable"
    status = 503


class NewerVersion(AnswerableError):
    """A newer program wrote this; it can be read only by that version or a later one."""

    code = "newer_version"
    status = 503


class Corrupt(AnswerableError):
    """Stored bytes do not match what they claim to be."""

    code = "corrupt"


class KeyFault(AnswerableError):
    """A key is missing, malformed or readable by others."""

    code = "key_fault"


class ConfigError(AnswerableError):
    """The configuration cannot be used."""

    code = "config_error"


def default_message(kind: type[AnswerableError]) -> str:
    """Return the message of an error class that was raised without one: its docstring."""
    return (kind.__doc__ or AnswerableError.__doc__ or "").strip()


def problem(error: Exception) -> dict[str, str | int]:
    """Return the RFC 9457 problem document of an error; anything of ours to mend keeps its detail to itself."""
    known = error if isinstance(error, AnswerableError) else AnswerableError()
    is_theirs = known.status < HTTPStatus.INTERNAL_SERVER_ERROR
    document: dict[str, str | int] = {
        # RFC 9457 section 4.2.1: about:blank means that the title is the phrase of the status; `code` is our extension.
        "type": "about:blank",
        "title": HTTPStatus(known.status).phrase,
        "status": known.status,
        "detail": str(known) if is_theirs else default_message(type(known)),
        "code": known.code,
    }
    if is_theirs and known.hint is not None:
        document["hint"] = known.hint
    return document
