-- bulk.db: what is too much for the record, bound to it by deterministic ids and by the roots that facts hold.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
-- The last migration that was done, as Alembic keeps it.
CREATE TABLE migration (version_num TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

-- `block` is the root of the block that a row went into; `pending` until the record holds that block's fact.
CREATE TABLE exchange (
  id TEXT PRIMARY KEY, subject TEXT NOT NULL, at INTEGER NOT NULL, gate TEXT NOT NULL, conversation TEXT, model TEXT,
  answer TEXT NOT NULL, level INTEGER NOT NULL, standing INTEGER NOT NULL, tokens INTEGER NOT NULL,
  digest TEXT NOT NULL, complete INTEGER NOT NULL, block TEXT,
  pending INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX exchange_of_subject ON exchange (subject, at, id);
CREATE INDEX exchange_unsealed ON exchange (subject, at, id) WHERE block IS NULL;
CREATE INDEX exchange_pending ON exchange (block, at, id) WHERE pending = 1;

-- What more a gate could count of an exchange; no row where it could count nothing.
CREATE TABLE handed (id TEXT PRIMARY KEY, documents INTEGER, mentions INTEGER) STRICT, WITHOUT ROWID;

-- A few words around an act, sealed, for a case to open; erased when their time is over and no case asks for them.
CREATE TABLE span (
  id TEXT PRIMARY KEY, subject TEXT NOT NULL, at INTEGER NOT NULL, until INTEGER NOT NULL, kind TEXT NOT NULL,
  token TEXT NOT NULL, author TEXT NOT NULL, slot TEXT NOT NULL, wrapped_key BLOB NOT NULL, nonce BLOB NOT NULL,
  ciphertext BLOB NOT NULL, commitment TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX span_of_subject ON span (subject, at, id);
CREATE INDEX span_until ON span (until);

-- The last sign of life of each gate, process, sweep and check.
CREATE TABLE beat (
  kind TEXT NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL, note TEXT NOT NULL, PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
