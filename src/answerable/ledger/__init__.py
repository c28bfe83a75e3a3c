"""The ledger: entries as canonical bytes, one RFC 6962 tree, signed checkpoints, receipts, a verifier that runs alone.

Law: the stored bytes are the record, and whoever holds an export and the key can find any change to it.
"""
