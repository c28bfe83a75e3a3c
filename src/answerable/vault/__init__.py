"""The vault: sealed texts, keys and the keyed index of identifiers, as pure functions on values.

Law: what names a person leaves this room only sealed, keyed or committed to; the store keeps the rows.
"""
