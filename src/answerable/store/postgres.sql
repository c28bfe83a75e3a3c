-- The record and its bulk rows in PostgreSQL: one database, two schemas. Times are microseconds since 1970, UTC.
-- Text is compared byte by byte, so that every list has the order it has in SQLite.

CREATE SCHEMA answerable;
CREATE SCHEMA answerable_bulk;
SET LOCAL search_path TO answerable;

CREATE TABLE meta (key text COLLATE "C" PRIMARY KEY, value text NOT NULL);
-- The last migration that was done, as Alembic keeps it.
CREATE TABLE migration (version_num text COLLATE "C" PRIMARY KEY);

-- The bytes are the record. `subject` is empty in the system stream; `pos` counts a subject's facts; `id` is in order
-- within each subject, for whoever writes to one holds its row below, and says nothing across subjects.
CREATE TABLE fact (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subject text COLLATE "C" NOT NULL, pos bigint NOT NULL,
  stream text COLLATE "C" NOT NULL, seq bigint NOT NULL, at bigint NOT NULL, bytes bytea NOT NULL,
  UNIQUE (subject, pos), UNIQUE (stream, seq)
);
CREATE INDEX fact_at ON fact (at);
-- The rows to lock, in sorted order, before anything is written about a subject.
CREATE TABLE subject (id text COLLATE "C" PRIMARY KEY, pos bigint NOT NULL) WITH (fillfactor = 80);
INSERT INTO subject VALUES ('', 0);

-- Facts that are committed and not in the tree yet. Ids are given out before commits: only what lies here tells what
-- is still to come, never the highest id seen.
CREATE TABLE pending (fact bigint PRIMARY KEY REFERENCES fact);
-- `nodes` are the inner nodes of the tree that a leaf completes, the lowest first, 32 bytes each.
CREATE TABLE leaf (idx bigint PRIMARY KEY, fact bigint NOT NULL UNIQUE REFERENCES fact, nodes bytea NOT NULL);
CREATE TABLE tree (one boolean PRIMARY KEY CHECK (one), size bigint NOT NULL);
INSERT INTO tree VALUES (true, 0);

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN RAISE EXCEPTION ''a fact is never changed or deleted'' USING ERRCODE = ''restrict_violation''; END';
CREATE TRIGGER fact_stays BEFORE UPDATE OR DELETE ON fact FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER fact_is_kept BEFORE TRUNCATE ON fact FOR EACH STATEMENT EXECUTE FUNCTION refuse();
CREATE TRIGGER leaf_stays BEFORE UPDATE OR DELETE ON leaf FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER leaf_is_kept BEFORE TRUNCATE ON leaf FOR EACH STATEMENT EXECUTE FUNCTION refuse();

CREATE TABLE checkpoint (size bigint PRIMARY KEY, note text NOT NULL);

CREATE TABLE text (
  token text COLLATE "C" PRIMARY KEY, case_id text COLLATE "C" NOT NULL, author text COLLATE "C" NOT NULL,
  slot text NOT NULL, wrapped_key bytea NOT NULL, nonce bytea NOT NULL, ciphertext bytea NOT NULL,
  commitment text NOT NULL
);
CREATE TABLE author_key (
  case_id text COLLATE "C" NOT NULL, author text COLLATE "C" NOT NULL, wrapped bytea NOT NULL,
  PRIMARY KEY (case_id, author)
);
CREATE TABLE blob (address text COLLATE "C" PRIMARY KEY, content bytea NOT NULL);
CREATE TABLE alias (
  space text COLLATE "C" NOT NULL, blind text COLLATE "C" NOT NULL, token text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL, verified_at bigint, PRIMARY KEY (space, blind, token)
);
CREATE INDEX alias_of_token ON alias (space, token);
CREATE TABLE answer (
  source text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, answer bytea NOT NULL, PRIMARY KEY (source, key)
);
CREATE TABLE outgoing (
  idem text COLLATE "C" PRIMARY KEY, topic text NOT NULL, body text NOT NULL, not_before bigint NOT NULL,
  next_at bigint NOT NULL, attempts integer NOT NULL DEFAULT 0, done integer NOT NULL DEFAULT 0
);
CREATE INDEX outgoing_waiting ON outgoing (next_at, idem) WHERE done = 0;

-- Places in the feed are given out under the lock of its head, as the last thing before a commit: in their order they
-- become visible, and a reader who has seen one has seen all before it.
CREATE TABLE feed (
  subject text COLLATE "C" PRIMARY KEY, seq bigint NOT NULL UNIQUE, version bigint NOT NULL
) WITH (fillfactor = 80);
CREATE TABLE feed_head (one boolean PRIMARY KEY CHECK (one), seq bigint NOT NULL) WITH (fillfactor = 10);
INSERT INTO feed_head VALUES (true, 0);
CREATE TABLE gate_alias (
  subject text COLLATE "C" NOT NULL, alias text COLLATE "C" NOT NULL, PRIMARY KEY (subject, alias)
);

-- ---------------------------------------------------------------------------------------------------------------
-- Below the line: what can be computed from the record again (L7).

-- A case that owes no decision stands last: its decide_due is the largest integer.
CREATE TABLE case_row (
  case_id text COLLATE "C" PRIMARY KEY, subject text COLLATE "C" NOT NULL, person text COLLATE "C" NOT NULL,
  tier integer NOT NULL, closed integer NOT NULL, owner text COLLATE "C", deputy text COLLATE "C",
  opened_at bigint NOT NULL, decide_due bigint NOT NULL, wake_at bigint, yardstick integer NOT NULL,
  barred text NOT NULL, policy text COLLATE "C" NOT NULL,
  UNIQUE (subject, person)
) WITH (fillfactor = 80);
CREATE INDEX case_queue ON case_row (closed, tier, decide_due, case_id);
CREATE INDEX case_wake ON case_row (wake_at, case_id) INCLUDE (subject) WHERE wake_at IS NOT NULL;
CREATE INDEX case_policy ON case_row (policy) WHERE closed = 0;
CREATE TABLE look_back (
  case_id text COLLATE "C" NOT NULL, notice text COLLATE "C" NOT NULL, subject text COLLATE "C" NOT NULL,
  started_at bigint NOT NULL, PRIMARY KEY (case_id, notice)
);
CREATE INDEX look_back_started ON look_back (started_at, case_id, notice);
CREATE TABLE effect (
  act text COLLATE "C" NOT NULL, case_id text COLLATE "C" NOT NULL, at bigint NOT NULL, PRIMARY KEY (act, case_id)
);
CREATE INDEX effect_at ON effect (at);
CREATE TABLE releasing (fact bigint PRIMARY KEY REFERENCES fact, subject text COLLATE "C" NOT NULL);

CREATE FUNCTION instr(text, text) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT strpos($1, $2)';

-- ---------------------------------------------------------------------------------------------------------------
-- The bulk: what is too much for the record, bound to it by deterministic ids and by the roots that facts hold.

SET LOCAL search_path TO answerable_bulk;

-- `block` is the root of the block that a row went into; `pending` until the record holds that block's fact.
CREATE TABLE exchange (
  id text COLLATE "C" PRIMARY KEY, subject text COLLATE "C" NOT NULL, at bigint NOT NULL, gate text NOT NULL,
  conversation text, model text, answer text NOT NULL, level integer NOT NULL, standing integer NOT NULL,
  tokens bigint NOT NULL, digest text NOT NULL, complete integer NOT NULL, block text COLLATE "C",
  pending integer NOT NULL DEFAULT 0
);
CREATE INDEX exchange_of_subject ON exchange (subject, at, id);
CREATE INDEX exchange_unsealed ON exchange (subject, at, id) WHERE block IS NULL;
CREATE INDEX exchange_pending ON exchange (block, at, id) WHERE pending = 1;

-- What more a gate could count of an exchange; no row where it could count nothing.
CREATE TABLE handed (id text COLLATE "C" PRIMARY KEY, documents bigint, mentions bigint);

-- A few words around an act, sealed, for a case to open; erased when their time is over and no case asks for them.
CREATE TABLE span (
  id text COLLATE "C" PRIMARY KEY, subject text COLLATE "C" NOT NULL, at bigint NOT NULL, until bigint NOT NULL,
  kind text NOT NULL, token text NOT NULL, author text NOT NULL, slot text NOT NULL, wrapped_key bytea NOT NULL,
  nonce bytea NOT NULL, ciphertext bytea NOT NULL, commitment text NOT NULL
);
CREATE INDEX span_of_subject ON span (subject, at, id);
CREATE INDEX span_until ON span (until);

-- The last sign of life of each gate, process, sweep and check.
CREATE TABLE beat (
  kind text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, at bigint NOT NULL, note text NOT NULL,
  PRIMARY KEY (kind, name)
);
-- Who leads in a role. `term` grows while the leader lives: whoever sees it stand still may take over. A program whose
-- `logic` is older than the one noted never leads.
CREATE TABLE lead (
  role text COLLATE "C" PRIMARY KEY, holder text NOT NULL, term bigint NOT NULL, logic integer NOT NULL
);
