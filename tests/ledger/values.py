"""Hypothesis strategies for JSON values inside the ledger's profile.

Law: whatever these draw must be writable; what lies outside is listed by the tests one by one.
"""

from __future__ import annotations

from hypothesis import strategies as st

from answerable.ledger.verify import MAX_INT

keys = st.text(st.characters(max_codepoint=127), max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
atoms = st.none() | st.booleans() | st.integers(-MAX_INT, MAX_INT) | texts
values = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=20
)
