"""`python -m sync status` and `quarantine`, on real servers."""

from __future__ import annotations

from tests.integration.cli.command import TO, Command, Shop, execute
from tests.integration.sync_support import query


def test_status_shows_where_each_table_stands(command: Command, sales: Shop, dated: Shop) -> None:
    by_time = ("--strategy", "watermark", "--cursor", "updated_at")
    command.run("copy", "env:SHOP", "shop.sales_data", *TO, *by_time)
    command.run("copy", "env:SHOP", "shop.dated", *TO)
    headings, *rows = command.run("status", *TO).stdout.splitlines()
    by_table = {found["table"]: found for found in command.lines("status", *TO)}

    assert headings.split() == [
        "table", "source", "strategy", "position", "lag", "rows", "quarantined", "last", "pass"
    ]  # fmt: skip
    assert [row.split()[:4] for row in rows] == [
        ["raw.dated", "mysql", "shop.dated", "full"],
        ["raw.sales_data", "mysql", "shop.sales_data", "watermark"],
    ]
    assert "(cursor " in rows[1]
    held, watermark = by_table["raw.dated"], by_table["raw.sales_data"]
    assert (held["rows"], held["quarantined"], held["cursor_lag_seconds"]) == (1, 2, None)
    assert held["position"].keys() == {"file", "position", "gtid"}
    assert watermark["position"]["cursor"] == "updated_at"
    assert 0 <= watermark["lag_seconds"] <= watermark["cursor_lag_seconds"]
    assert watermark["last_pass"]["inserted"] == 3


def test_a_table_that_somebody_has_emptied_shows_in_the_status(
    command: Command, sales: Shop, staging: str
) -> None:
    command.run("copy", "env:SHOP", "shop.sales_data", *TO, "--strategy", "log")
    query(staging, "TRUNCATE raw.sales_data")
    assert "emptied since" in command.run("status", *TO).stdout
    assert [found["emptied"] for found in command.lines("status", *TO)] == [True]
    command.run("copy", "env:SHOP", "shop.sales_data", *TO)
    assert [found["emptied"] for found in command.lines("status", *TO)] == [False]


def test_status_is_printed_for_prometheus_as_well(command: Command, dated: Shop) -> None:
    command.run("copy", "env:SHOP", "shop.dated", *TO)
    lines = command.run("status", *TO, "--prometheus").stdout.splitlines()
    found = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    of = 'source="mysql shop.dated",table="raw.dated",target="'
    values = {name.partition("{")[0]: float(value) for name, value in found.items() if of in name}
    assert (values["softcart_table_rows"], values["softcart_table_quarantined_rows"]) == (1, 2)
    assert values["softcart_table_emptied"] == 0
    read = [value for name, value in found.items() if of in name and 'operation="read"' in name]
    assert read == ["3.0"]
    assert "# TYPE softcart_table_rows gauge" in lines


def test_who_looks_at_a_database_without_tables_makes_none(command: Command, staging: str) -> None:
    for name in ("status", "quarantine"):
        done = command.run(name, *TO)
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
    assert query(staging, "SELECT count(*) FROM pg_namespace WHERE nspname IN ('sync', 'raw')") == [(0,)]


def test_quarantine_lists_the_rows_of_each_table_with_their_reasons(command: Command, dated: Shop) -> None:
    command.run("copy", "env:SHOP", "shop.dated", *TO)
    execute(dated, "UPDATE dated SET day = '0000-00-00'")
    command.run("copy", "env:SHOP", "shop.dated", *TO)
    said = command.run("quarantine", *TO).stdout.splitlines()
    listed = command.lines("quarantine", *TO)

    assert said[0] == "raw.dated: 3 rows in quarantine"
    assert "column day: '0000-00-00' cannot be stored as date" in said[1]
    assert [each["key"] for each in listed][:1] == ["1"]  # the newest
    assert {each["key"] for each in listed} == {"1", "2", "3"}
    assert '"day":"0000-00-00"' in listed[0]["raw"]


def test_of_many_rejected_rows_the_newest_are_listed_and_the_others_counted(
    command: Command, dated: Shop
) -> None:
    execute(dated, "INSERT INTO dated SELECT seq, '0000-00-00' FROM seq_10_to_69")
    command.run("copy", "env:SHOP", "shop.dated", *TO)
    said = command.run("quarantine", *TO).stdout.splitlines()
    assert (said[0], said[-1]) == ("raw.dated: 62 rows in quarantine", "  and 12 older ones")
    assert len(command.lines("quarantine", *TO)) == 50


def test_a_retry_lets_the_next_pass_read_the_rejected_rows_again(
    command: Command, dated: Shop, staging: str
) -> None:
    execute(dated, "ALTER TABLE dated ADD n INT DEFAULT 1")
    command.run("copy", "env:SHOP", "shop.dated", *TO, "--strategy", "watermark", "--cursor", "n")
    execute(dated, "UPDATE dated SET n = 2 WHERE id = 1")
    command.run("copy", "env:SHOP", "shop.dated", *TO)
    execute(dated, "UPDATE dated SET day = '2024-01-02' WHERE id = 2")

    asked = command.run("quarantine", *TO, "--retry").stderr
    (held,) = command.lines("status", *TO)
    (after,) = command.lines("copy", "env:SHOP", "shop.dated", *TO)

    assert asked == "raw.dated: its next pass reads the rows in quarantine again\n"
    assert held["retry"]
    assert (after["read"], after["inserted"], after["quarantined"]) == (3, 1, 1)
    assert query(staging, "SELECT retry FROM sync.tables") == [(False,)]


def test_what_a_row_holds_does_not_steer_the_terminal(command: Command, shop: Shop) -> None:
    execute(
        shop,
        "SET sql_mode = ''",
        "CREATE TABLE words (word VARCHAR(20) PRIMARY KEY, day DATE)",
        "INSERT INTO words VALUES ('\x1b[31mred\nblue', '0000-00-00')",
    )
    command.run("copy", "env:SHOP", "shop.words", *TO)
    assert r"\x1b[31mred\nblue" in command.run("quarantine", *TO).stdout
