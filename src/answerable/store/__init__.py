"""The store: the record with its read tables and outbox, and the bulk rows beside it, behind one protocol."""
