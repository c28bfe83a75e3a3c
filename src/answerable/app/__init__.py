"""The application: one method per verb, each one act on the record."""

from answerable.app.acts import Acts
from answerable.app.incoming import AccountIn, NoticeIn, SignalIn, Taken
from answerable.app.verbs import Answerable

__all__ = ["AccountIn", "Acts", "Answerable", "NoticeIn", "SignalIn", "Taken"]
