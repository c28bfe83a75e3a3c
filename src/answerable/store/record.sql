-- record.db: the facts and what follows from them. Times are microseconds since 1970, UTC.
-- Tables above the line are the record; those below can be computed from it again (L7), apart from the feed's counters.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
-- The last migration that was done, as Alembic keeps it.
CREATE TABLE migration (version_num TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

-- The bytes are the record; `subject` is null in the system stream; `high_water` is the latest time up to here;
-- `nodes` are the inner nodes of the tree that this leaf completes, the lowest first, 32 bytes each.
CREATE TABLE fact (
  idx INTEGER PRIMARY KEY, subject TEXT, high_water INTEGER NOT NULL, nodes BLOB NOT NULL, bytes BLOB NOT NULL
) STRICT;
CREATE INDEX fact_of_subject ON fact (subject);
CREATE TRIGGER fact_stays BEFORE UPDATE ON fact BEGIN SELECT raise(ABORT, 'a fact is never changed'); END;
CREATE TRIGGER fact_is_kept BEFORE DELETE ON fact BEGIN SELECT raise(ABORT, 'a fact is never deleted'); END;

CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;

CREATE TABLE text (
  token TEXT PRIMARY KEY, case_id TEXT NOT NULL, author TEXT NOT NULL, slot TEXT NOT NULL,
  wrapped_key BLOB NOT NULL, nonce BLOB NOT NULL, ciphertext BLOB NOT NULL, commitment TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE author_key (
  case_id TEXT NOT NULL, author TEXT NOT NULL, wrapped BLOB NOT NULL, PRIMARY KEY (case_id, author)
) STRICT, WITHOUT ROWID;
CREATE TABLE blob (address TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE alias (
  space TEXT NOT NULL, blind TEXT NOT NULL, token TEXT NOT NULL, kind TEXT NOT NULL, verified_at INTEGER,
  PRIMARY KEY (space, blind, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_of_token ON alias (space, token);
CREATE TABLE answer (
  source TEXT NOT NULL, key TEXT NOT NULL, answer BLOB NOT NULL, PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE outgoing (
  idem TEXT PRIMARY KEY, topic TEXT NOT NULL, body TEXT NOT NULL, not_before INTEGER NOT NULL,
  next_at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX outgoing_waiting ON outgoing (next_at, idem) WHERE done = 0;

CREATE TABLE feed (subject TEXT PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, version INTEGER NOT NULL)
  STRICT, WITHOUT ROWID;
CREATE TABLE gate_alias (subject TEXT NOT NULL, alias TEXT NOT NULL, PRIMARY KEY (subject, alias))
  STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------------------------------------------------------

-- A case that owes no decision stands last: its decide_due is the largest integer.
CREATE TABLE case_row (
  case_id TEXT PRIMARY KEY, subject TEXT NOT NULL, person TEXT NOT NULL, tier INTEGER NOT NULL,
  closed INTEGER NOT NULL, owner TEXT, deputy TEXT, opened_at INTEGER NOT NULL, decide_due INTEGER NOT NULL,
  wake_at INTEGER, yardstick INTEGER NOT NULL, barred TEXT NOT NULL, policy TEXT NOT NULL,
  UNIQUE (subject, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX case_queue ON case_row (closed, tier, decide_due, case_id);
CREATE INDEX case_wake ON case_row (wake_at, case_id, subject) WHERE wake_at IS NOT NULL;
CREATE INDEX case_policy ON case_row (policy) WHERE closed = 0;
CREATE TABLE look_back (
  case_id TEXT NOT NULL, notice TEXT NOT NULL, subject TEXT NOT NULL, started_at INTEGER NOT NULL,
  PRIMARY KEY (case_id, notice)
) STRICT, WITHOUT ROWID;
CREATE INDEX look_back_started ON look_back (started_at, case_id, notice);
CREATE TABLE effect (act TEXT NOT NULL, case_id TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (act, case_id))
  STRICT, WITHOUT ROWID;
CREATE INDEX effect_at ON effect (at);
CREATE TABLE releasing (idx INTEGER PRIMARY KEY, subject TEXT NOT NULL) STRICT;
