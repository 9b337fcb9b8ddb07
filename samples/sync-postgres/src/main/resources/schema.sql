-- What a sync engine keeps in PostgreSQL 14 or newer: a log of changes for each scope, and how far each scope has come.
-- May be run again.

-- Two servers that start at once take turns.
SELECT pg_advisory_xact_lock(7305216);

-- How far each scope has come. A scope is at most 251 bytes, because the name of its topic has to hold it.
CREATE TABLE IF NOT EXISTS sync_scopes (
    scope text PRIMARY KEY CHECK (octet_length(scope) BETWEEN 1 AND 251 AND scope !~ '[[:cntrl:]]'),
    cursor bigint NOT NULL CHECK (cursor > 0)
);

-- The changes of a scope, counted from 1. A scope's cursor is the sequence of its last change.
CREATE TABLE IF NOT EXISTS changes (
    scope text NOT NULL,
    sequence bigint NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (scope, sequence)
);

-- Numbers a change. The update takes the lock of the scope's row and holds it until the transaction ends, so the next
-- writer of the same scope waits until this one has committed or rolled back. Two things follow. Changes become visible
-- in the order of their sequence: whoever has read up to 17 will never find a 16 that came later. And there is no hole: a
-- rollback gives its number back. With a SEQUENCE neither would hold, as it is drawn outside of transactions: 17 may
-- commit before 16, and a client that pulls in between misses 16 for good.
-- A transaction that writes to several scopes should do so in one order, such as the alphabet's: otherwise two of them
-- may wait for each other until PostgreSQL ends one.
CREATE OR REPLACE FUNCTION changes_take_sequence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sync_scopes AS known (scope, cursor) VALUES (NEW.scope, 1)
        ON CONFLICT (scope) DO UPDATE SET cursor = known.cursor + 1
        RETURNING cursor INTO NEW.sequence;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER changes_take_sequence BEFORE INSERT ON changes
    FOR EACH ROW EXECUTE FUNCTION changes_take_sequence();

-- Tells of them, once for each scope in a statement. pg_notify belongs to the transaction: it is delivered when that has
-- committed, and never if it rolls back. So nobody is told of a cursor that cannot be read yet.
CREATE OR REPLACE FUNCTION changes_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sync', scope || ' ' || max(sequence)) FROM written GROUP BY scope;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER changes_notify AFTER INSERT ON changes
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION changes_notify();
