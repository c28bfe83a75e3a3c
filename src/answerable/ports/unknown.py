"""The answer that every port can give: it could not be told.

Law: "not known" is a value beside the others, so that no caller can mistake it for "no" (L10).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NotKnown:
    """The operator's system was down, is not connected, or does not keep this; `reason` is for the operator's eyes."""

    reason: str
