"""How the engine's own tables came to be, version by version."""

from __future__ import annotations

from sync.newest_batches import QUIET as QUIET_BATCHES
from sync.newest_batches import UPGRADE as NEWEST_BATCHES

# One script a version, applied in order. A released script is never edited: a change is a further script.
UPGRADES: tuple[str, ...] = (
    """
    CREATE TABLE sync.identity (id uuid PRIMARY KEY DEFAULT gen_random_uuid());
    COMMENT ON TABLE sync.identity IS 'One row: tells this database from one that was rebuilt in its place';
    INSERT INTO sync.identity DEFAULT VALUES;

    CREATE TABLE sync.batch (last bigint NOT NULL);
    COMMENT ON TABLE sync.batch IS 'One row: the batch number that was drawn last';
    INSERT INTO sync.batch VALUES (0);
    CREATE FUNCTION sync.next_batch() RETURNS bigint LANGUAGE sql VOLATILE
        AS 'UPDATE sync.batch SET last = last + 1 RETURNING last';
    COMMENT ON FUNCTION sync.next_batch() IS
        'Draws a batch number; the row lock is held to the commit, so numbers become visible in order';

    CREATE TABLE sync.leases (name text PRIMARY KEY, token bigint NOT NULL, taken_at timestamptz NOT NULL);
    COMMENT ON TABLE sync.leases IS 'The fencing token of whoever took the lease last';

    CREATE TABLE sync.tables (
        table_schema text, table_name text, PRIMARY KEY (table_schema, table_name),
        source text NOT NULL, strategy text NOT NULL, position text, batch bigint, run_id text NOT NULL,
        rows bigint NOT NULL, quarantined bigint NOT NULL, synced_at timestamptz NOT NULL
    );
    COMMENT ON TABLE sync.tables IS 'One row a target table: where its last pass ended';
    COMMENT ON COLUMN sync.tables.batch IS 'The batch that last changed the table';
    COMMENT ON COLUMN sync.tables.rows IS 'Live rows after the last pass';

    CREATE TABLE quarantine.rejected_rows (
        table_name text NOT NULL, key text NOT NULL, reason text NOT NULL, raw text,
        batch bigint, rejected_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE INDEX ON quarantine.rejected_rows (table_name);
    COMMENT ON TABLE quarantine.rejected_rows IS 'Rows that could not be landed or loaded, and why';
    """,
    """
    ALTER TABLE sync.tables
        ADD columns text[], ADD retry boolean NOT NULL DEFAULT false, ADD compared_at timestamptz,
        ADD read bigint, ADD inserted bigint, ADD updated bigint, ADD deleted bigint, ADD seconds real;
    COMMENT ON COLUMN sync.tables.columns IS 'What the last pass read';
    COMMENT ON COLUMN sync.tables.retry IS 'The next pass reads the rows in quarantine again';
    COMMENT ON COLUMN sync.tables.compared_at IS 'When the whole table was last compared with its source';
    COMMENT ON COLUMN sync.tables.read IS 'Rows that the last pass read; beside it what it did with them';
    """,
    """
    ALTER TABLE sync.tables ADD declaration text;
    COMMENT ON COLUMN sync.tables.declaration IS 'The table as the last pass had it declared, as JSON';
    """,
    """
    CREATE TABLE sync.checkpoints (
        table_schema text, table_name text, PRIMARY KEY (table_schema, table_name),
        form text NOT NULL, position text NOT NULL, mark text, rows bigint NOT NULL, rejected bigint NOT NULL
    );
    COMMENT ON TABLE sync.checkpoints IS 'One row a first load on its way: from where it can be gone on with';
    COMMENT ON COLUMN sync.checkpoints.form IS 'Declaration and columns that its rows were read with';
    COMMENT ON COLUMN sync.checkpoints.position IS 'Where the source''s log stood when its rows were as kept';
    COMMENT ON COLUMN sync.checkpoints.mark IS 'Up to where the source was read, NULL: to its end';
    """,
    """
    ALTER TABLE sync.tables ADD key_is_unique boolean;
    COMMENT ON COLUMN sync.tables.key_is_unique IS 'Whether the source vouched for the key at the last pass';
    """,
    """
    CREATE TABLE sync.objects (
        table_schema text, table_name text, name text, PRIMARY KEY (table_schema, table_name, name),
        etag text NOT NULL, size bigint NOT NULL, modified_at timestamptz NOT NULL, lines bigint NOT NULL,
        rejected bigint NOT NULL, run_id text NOT NULL, read_at timestamptz NOT NULL DEFAULT now()
    );
    COMMENT ON TABLE sync.objects IS 'The files and objects that were read, against which listings are held';
    COMMENT ON COLUMN sync.objects.etag IS 'What the store called this version of it';
    COMMENT ON COLUMN sync.objects.lines IS 'Number of the last line that was read of it';
    COMMENT ON COLUMN sync.objects.rejected IS 'Lines of it that could not be read';
    """,
    NEWEST_BATCHES,
    """
    CREATE TABLE sync.comparisons (
        table_schema text, table_name text, PRIMARY KEY (table_schema, table_name),
        cursor text[], began_at timestamptz NOT NULL, before_at timestamptz,
        differs boolean NOT NULL
    );
    COMMENT ON TABLE sync.comparisons IS 'One row a mirrored table: how far its comparison came';
    COMMENT ON COLUMN sync.comparisons.cursor IS 'The key up to which this round has come, NULL: to the end';
    COMMENT ON COLUMN sync.comparisons.differs IS 'A difference was found last: it is compared whole';
    COMMENT ON COLUMN sync.comparisons.before_at IS 'When the round before this one began';
    """,
    QUIET_BATCHES,
)
