-- The tables of a sync engine for PostgreSQL 14 or newer: a log of changes per scope, and the cursor of each scope.
-- Idempotent.

-- Serializes servers that start at the same time.
SELECT pg_advisory_xact_lock(7305216);

-- The cursor of each scope. A scope has at most 251 bytes, because it is part of a topic name.
CREATE TABLE IF NOT EXISTS sync_scopes (
    scope text PRIMARY KEY CHECK (octet_length(scope) BETWEEN 1 AND 251 AND scope !~ '[[:cntrl:]]'),
    cursor bigint NOT NULL CHECK (cursor > 0)
);

-- The changes of a scope, numbered from 1. The cursor of a scope is the sequence of its last change.
CREATE TABLE IF NOT EXISTS changes (
    scope text NOT NULL,
    sequence bigint NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (scope, sequence)
);

-- Assigns the sequence of a change. The update locks the row of the scope until the transaction ends, so the next
-- writer of the scope waits for the commit or rollback. This has two effects. Changes become visible in the order of
-- their sequence: after a read up to 17, no 16 appears later. And there are no gaps, because a rollback releases its
-- number. A SEQUENCE guarantees neither, because it is not transactional: 17 can commit before 16, and a client that
-- pulls in between would miss 16 forever.
-- A transaction that writes to several scopes should use a fixed order, such as alphabetical: otherwise two of them can
-- deadlock, and PostgreSQL aborts one.
CREATE OR REPLACE FUNCTION changes_take_sequence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sync_scopes AS stored (scope, cursor) VALUES (NEW.scope, 1)
        ON CONFLICT (scope) DO UPDATE SET cursor = stored.cursor + 1
        RETURNING cursor INTO NEW.sequence;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER changes_take_sequence BEFORE INSERT ON changes
    FOR EACH ROW EXECUTE FUNCTION changes_take_sequence();

-- Notifies once per scope and statement. pg_notify is transactional: PostgreSQL delivers it after the commit, and not
-- after a rollback. So a notified cursor can always be read.
CREATE OR REPLACE FUNCTION changes_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sync', scope || ' ' || max(sequence)) FROM written GROUP BY scope;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER changes_notify AFTER INSERT ON changes
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION changes_notify();
