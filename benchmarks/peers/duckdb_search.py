"""The questions of lake/search asked in DuckDB: `duckdb_search.py FILES(JSON) PRODUCTS`, in DuckDB's own
environment. Prints seconds, CPU seconds and MiB as JSON."""

import json
import resource
import sys
import time

import duckdb

WORDS = r"list_distinct(regexp_extract_all(lower({}), '[\p{{L}}\p{{N}}]+'))"
BY_MONTH = """
    WITH x AS (SELECT *, year * 12 + month AS m FROM counts),
    s AS (SELECT min(m) AS f, max(m) - min(m) + 1 AS c FROM x),
    t AS (SELECT searchterm, c, sum(n) AS sy, sum((m - f) * n) AS sxy FROM x, s GROUP BY ALL)
    SELECT counts.*, (c * sxy - (c * (c - 1) // 2) * sy)
        / (c * (c * (c - 1) * (2 * c - 1) // 6) - (c * (c - 1) // 2) * (c * (c - 1) // 2))
    FROM counts JOIN t USING (searchterm)
"""
RISING = """
    WITH x AS (SELECT *, year * 12 + month AS m FROM counts)
    SELECT searchterm,
        sum(CASE WHEN m = l THEN n ELSE 0 END) AS a, sum(CASE WHEN m < l THEN n ELSE 0 END) AS b
    FROM x, (SELECT max(m) AS l FROM x) WHERE m >= l - 1 GROUP BY ALL HAVING a > b
"""
UNMATCHED = f"""
    WITH t AS (SELECT searchterm, {WORDS.format("searchterm")} AS w FROM top),
    k AS (SELECT word, count(*) AS c FROM product_words GROUP BY ALL),
    r AS (
        SELECT searchterm, w, arg_min(word, coalesce(k.c, 0)) AS rarest
        FROM (SELECT *, unnest(w) AS word FROM t) LEFT JOIN k USING (word) GROUP BY ALL
    )
    SELECT searchterm FROM r WHERE searchterm NOT IN (
        SELECT searchterm FROM r JOIN product_words p ON p.word = r.rarest WHERE list_has_all(p.w, r.w)
    )
"""
SPELLINGS = """
    WITH d AS (
        SELECT searchterm AS t, n, unnest(list_distinct(list_concat([searchterm], list_transform(
            range(1, length(searchterm) + 1), lambda i: searchterm[1:i - 1] || searchterm[i + 1:])))) AS s
        FROM top WHERE length(searchterm) >= 4
    )
    SELECT a.t, arg_min(b.t, -b.n) FROM d a JOIN d b USING (s)
    WHERE (b.n > a.n OR (b.n = a.n AND b.t < a.t)) AND levenshtein(a.t, b.t) = 1
        AND regexp_replace(a.t, '[^0-9]', '', 'g') = regexp_replace(b.t, '[^0-9]', '', 'g')
    GROUP BY a.t
"""


def main(files: list[str], products: str) -> None:
    began, cpu = time.monotonic(), time.process_time()
    db = duckdb.connect()
    db.execute("SET threads = 2")
    terms = f"read_parquet({files!r})"
    db.execute(
        f"CREATE TEMP TABLE counts AS SELECT year, month, searchterm, count(*) AS n FROM {terms} GROUP BY ALL"
    )
    db.execute("CREATE TEMP TABLE top AS SELECT searchterm, sum(n)::bigint AS n FROM counts GROUP BY ALL")
    db.execute(
        f"CREATE TEMP TABLE product_words AS SELECT unnest(w) AS word, w FROM"
        f" (SELECT DISTINCT {WORDS.format('document')} AS w FROM read_parquet('{products}'))"
    )
    for query in ("SELECT * FROM top", BY_MONTH, RISING, UNMATCHED, SPELLINGS):
        db.execute(query).fetchall()
    db.execute(
        f"SELECT count(*), min(day), max(day), min(searchterm), max(searchterm) FROM {terms}"
    ).fetchall()
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took = {"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu, "mib": mib}
    sys.stdout.write(json.dumps(took))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2])
