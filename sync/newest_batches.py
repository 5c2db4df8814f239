"""Which batch wrote a table last, and how a table's rows of later batches are found.

Each writer stores its batch beside the rows, so nobody has to ask a table for its greatest one. Then the rows
need no B-tree on their batch, under which each update would write every index of the table: a BRIN index of
the pages' least and greatest batches leaves an update at the price of one without bookkeeping
(https://www.postgresql.org/docs/current/storage-hot.html: since PostgreSQL 16 it does not stand in the way of
HOT either).
"""

from __future__ import annotations

from sync.connections.psycopg import Cursor, sql

# What `dry_run` drops again where it has made it.
FUNCTIONS = (
    "sync.next_batch(regclass)",
    "sync.store_batch(regclass, bigint)",
    "sync.table_batch(regclass)",
    "sync.index_batches(regclass)",
    "sync.summarize_batches(regclass)",
)
# Pages a range: fewer make each read look at more ranges, more make it read more rows beside those it wants.
UPGRADE = """
    CREATE TABLE sync.newest_batches (
        table_schema text, table_name text, PRIMARY KEY (table_schema, table_name), batch bigint NOT NULL
    );
    COMMENT ON TABLE sync.newest_batches IS 'One row a table whose rows have batches: the newest of these';

    CREATE FUNCTION sync.store_batch(relation regclass, batch bigint) RETURNS void LANGUAGE sql VOLATILE AS $$
        INSERT INTO sync.newest_batches
        SELECT relnamespace::regnamespace::name, relname, $2 FROM pg_class WHERE oid = $1
        ON CONFLICT (table_schema, table_name) DO UPDATE SET batch = excluded.batch
    $$;
    COMMENT ON FUNCTION sync.store_batch(regclass, bigint) IS
        'Stores that this batch wrote rows of a table, in the transaction that did';

    CREATE FUNCTION sync.next_batch(relation regclass) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
        drawn bigint := sync.next_batch();
    BEGIN
        PERFORM sync.store_batch(relation, drawn);
        RETURN drawn;
    END $$;
    COMMENT ON FUNCTION sync.next_batch(regclass) IS
        'Draws a batch number for rows of this table that are about to be written';

    CREATE FUNCTION sync.table_batch(relation regclass) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
    DECLARE
        found bigint := (
            SELECT held.batch FROM pg_class AS c JOIN sync.newest_batches AS held
                ON (held.table_schema, held.table_name) = (c.relnamespace::regnamespace::name, c.relname)
            WHERE c.oid = relation
        );
    BEGIN
        IF found IS NULL THEN  -- a table in which nobody of ours has written
            EXECUTE format('SELECT coalesce(max(_batch), 0) FROM %s', relation) INTO found;
        END IF;
        RETURN found;
    END $$;
    COMMENT ON FUNCTION sync.table_batch(regclass) IS 'The newest batch of a table''s rows';

    CREATE FUNCTION sync.index_batches(relation regclass) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
        held record;
        is_indexed boolean := false;
    BEGIN
        FOR held IN
            SELECT i.indexrelid::regclass AS name, a.amname
            FROM pg_index AS i
            JOIN pg_class AS c ON c.oid = i.indexrelid
            JOIN pg_am AS a ON a.oid = c.relam
            JOIN pg_attribute AS b ON b.attrelid = i.indrelid AND b.attname = '_batch'
            WHERE i.indrelid = relation AND i.indnatts = 1 AND i.indkey[0] = b.attnum AND NOT i.indisunique
        LOOP
            IF held.amname = 'brin' THEN
                is_indexed := true;
            ELSIF held.amname = 'btree' THEN
                EXECUTE format('DROP INDEX %s', held.name);
            END IF;
        END LOOP;
        IF NOT is_indexed THEN
            EXECUTE format(
                'CREATE INDEX ON %s USING brin (_batch) WITH (pages_per_range = 2, autosummarize = on)',
                relation
            );
        END IF;
    END $$;
    COMMENT ON FUNCTION sync.index_batches(regclass) IS
        'Gives a table the index by which its rows of later batches are found, in place of an earlier B-tree';

    -- Waiting for longer would cancel an autovacuum of the table, which summarizes them as well.
    CREATE FUNCTION sync.summarize_batches(relation regclass) RETURNS void LANGUAGE plpgsql VOLATILE
    SET lock_timeout = '100ms' AS $$
    BEGIN
        PERFORM brin_summarize_new_values(i.indexrelid)
        FROM pg_index AS i
        JOIN pg_class AS c ON c.oid = i.indexrelid
        JOIN pg_am AS a ON a.oid = c.relam
        WHERE i.indrelid = relation AND a.amname = 'brin';
    EXCEPTION WHEN lock_not_available THEN
        NULL;
    END $$;
    COMMENT ON FUNCTION sync.summarize_batches(regclass) IS
        'Lets the index of batches know pages that were added; call it when the rows are committed';

    DO $$
    DECLARE
        held regclass;
        newest bigint;
    BEGIN
        FOR held IN
            SELECT c.oid::regclass FROM pg_class AS c
            WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND pg_has_role(c.relowner, 'USAGE')
                AND (
                    SELECT count(*) FROM pg_attribute AS a
                    WHERE a.attrelid = c.oid AND a.attname IN ('_batch', '_changed_at', '_deleted')
                        AND NOT a.attisdropped
                ) = 3
        LOOP
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', held);
            EXECUTE format('SELECT max(_batch) FROM %s', held) INTO newest;
            IF newest IS NOT NULL THEN
                PERFORM sync.store_batch(held, newest);
            END IF;
            PERFORM sync.index_batches(held);
        END LOOP;
    END $$;
    """


# A request for each new range overflows the server's list of work in a large load, and each that it drops is
# a line in its log. Who writes summarizes after the commit, and vacuum what is left.
QUIET = """
    DO $$
    DECLARE
        held regclass;
    BEGIN
        EXECUTE replace(
            pg_get_functiondef('sync.index_batches(regclass)'::regprocedure), ', autosummarize = on', ''
        );
        FOR held IN
            SELECT i.indexrelid::regclass FROM pg_index AS i
            JOIN pg_class AS c ON c.oid = i.indexrelid
            JOIN pg_attribute AS b ON b.attrelid = i.indrelid AND b.attnum = i.indkey[0]
            WHERE b.attname = '_batch' AND i.indnatts = 1 AND 'autosummarize=on' = ANY (c.reloptions)
                AND pg_has_role(c.relowner, 'USAGE')
        LOOP
            EXECUTE format('ALTER INDEX %s RESET (autosummarize)', held);
        END LOOP;
    END $$;
    """


def store_batch(cursor: Cursor, table: sql.Identifier, batch: int) -> None:
    """Store that a batch has written rows of a table; call it in the transaction that wrote them."""
    cursor.execute("SELECT sync.store_batch(%s, %s)", (table.as_string(cursor), batch))


def summarize(cursor: Cursor, table: sql.Identifier) -> None:
    """Let the index of batches know a table's new pages; call it after the transaction that wrote rows."""
    cursor.execute("SELECT sync.summarize_batches(to_regclass(%s))", (table.as_string(cursor),))
