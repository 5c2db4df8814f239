"""What the command says where a server refuses it: one line, with the way out, without a password."""

from __future__ import annotations

from contextlib import closing
from urllib.parse import urlsplit, urlunsplit

import pytest

from stack.cluster import Cluster
from stack.mariadb import MariaDB
from sync.connections.postgresql import connect_postgresql
from tests.conftest import MySQLUrls
from tests.integration.cli.command import TO, Command, Shop, execute
from tests.integration.cli.no_tls import without_tls
from tests.integration.sync_support import query


def with_option(url: str, option: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, option]))))


def with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{password}@{parts.netloc.rpartition('@')[2]}"))


def refusal(command: Command, source: str, table: str, *arguments: str) -> str:
    done = command.run("copy", source, table, *(arguments or TO), exit_code=1)
    (line,) = done.stderr.splitlines()
    assert done.stdout == ""
    return line


def test_a_wrong_password_is_said_to_be_one(command: Command, urls: dict[str, str], sales: Shop) -> None:
    mysql = with_password(urls["SOFTCART_MYSQL_URL"], "ge@heim")
    assert refusal(command, mysql, "shop.sales_data").endswith("; check user and password")
    mongodb = with_password(urls["SOFTCART_MONGO_URL"], "geheim")
    assert refusal(command, mongodb, "catalog.x").endswith("; check user, password and authSource")
    target = with_password(command.variables["TARGET"], "ge@heim")
    said = refusal(command, "env:SHOP", "shop.sales_data", "--to", target)
    assert said.endswith("; check user and password")
    assert "heim" not in said


@pytest.mark.parametrize(
    ("variable", "table", "option", "way_out"),
    [
        ("SHOP", "shop.sales_data", "ssl_ca=/none.pem", "check ssl_ca, ssl_cert and ssl_key"),
        ("CATALOG", "catalog.x", "tls=true&serverSelectionTimeoutMS=500", "SSL handshake failed"),
    ],
)
def test_tls_that_cannot_be_had_is_said(
    command: Command, sales: Shop, variable: str, table: str, option: str, way_out: str
) -> None:
    assert way_out in refusal(command, with_option(command.variables[variable], option), table)


def test_tls_that_the_source_does_not_offer_is_said(command: Command, sales: Shop) -> None:
    port = urlsplit(command.variables["SHOP"]).port
    assert port
    with without_tls(port) as other:
        source = command.variables["SHOP"].replace(f":{port}/", f":{other}/")
        said = refusal(command, with_option(source, "ssl_mode=required"), "shop.sales_data")
    assert "let the server offer TLS" in said


def test_a_certificate_that_is_not_trusted_is_said_to_need_its_ca(
    command: Command, mysql_server: MySQLUrls
) -> None:
    said = refusal(command, with_option(mysql_server.reader, "ssl_mode=verify_ca"), "shop.sales_data")
    assert "name its CA's certificate with ssl_ca in the URL" in said


def test_tls_that_the_target_does_not_offer_is_said(command: Command) -> None:
    target = with_option(command.variables["TARGET"], "sslmode=require")
    assert "let the server offer TLS" in refusal(command, "env:SHOP", "shop.sales_data", "--to", target)


def test_a_missing_right_is_named(command: Command, urls: dict[str, str], sales: Shop) -> None:
    assert "GRANT SELECT on it" in refusal(command, "env:SHOP", "mysql.user")
    said = refusal(command, "env:CATALOG", "elsewhere.x")
    assert "not authorized on elsewhere (13); grant the role read on the database" in said
    bi = refusal(command, "env:SHOP", "shop.sales_data", "--to", urls["SOFTCART_BI_URL"])
    assert "permission denied" in bi
    assert bi.endswith("; grant this user the right to it")


def test_a_limit_of_connections_is_said_to_be_one(command: Command, sales: Shop, stack: Cluster) -> None:
    with MariaDB(stack.home).connect(stack.ports.known()["mysql"]) as root:
        execute(root, "ALTER USER softcart@'%' WITH MAX_USER_CONNECTIONS 1")
        try:
            said = refusal(command, "env:SHOP", "shop.sales_data", *TO, "--strategy", "log")
        finally:
            execute(root, "ALTER USER softcart@'%' WITH MAX_USER_CONNECTIONS 0")
    assert "a pass takes up to four connections at once" in said
    assert "raise the limit" in said


def test_a_limit_of_the_targets_connections_is_said_to_be_one(
    command: Command, sales: Shop, staging: str
) -> None:
    name = urlsplit(staging).path[1:]
    with closing(connect_postgresql(staging)) as other, other.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 1")
        try:
            said = refusal(command, "env:SHOP", "shop.sales_data")
        finally:
            cursor.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")
    assert "too many connections for database" in said
    assert "raise CONNECTION LIMIT" in said


def test_a_server_that_is_away_is_said_to_be(command: Command, urls: dict[str, str], sales: Shop) -> None:
    mongodb = urls["SOFTCART_MONGO_URL"].replace(str(urlsplit(urls["SOFTCART_MONGO_URL"]).port), "1")
    said = refusal(command, with_option(mongodb, "serverSelectionTimeoutMS=500"), "catalog.x")
    assert said.endswith("[Errno 111] Connection refused")


def test_a_target_that_is_no_target_is_refused(command: Command) -> None:
    assert "no target of the sync engine yet" in refusal(
        command, "env:SHOP", "shop.sales_data", "--to", "env:SHOP"
    )


def test_a_key_that_the_source_has_lost_is_refused_by_name(
    command: Command, sales: Shop, staging: str
) -> None:
    command.run("copy", "env:SHOP", "shop.sales_data", *TO)
    execute(sales, "ALTER TABLE sales_data DROP PRIMARY KEY, ADD UNIQUE (price)")
    line = refusal(command, "env:SHOP", "shop.sales_data")
    assert "raw.sales_data: (rowid) was a key of mysql shop.sales_data" in line
    assert "no unique key of these columns any more" in line
    assert "--key rowid" in line

    execute(sales, "ALTER TABLE sales_data ADD UNIQUE (rowid)")
    command.run("copy", "env:SHOP", "shop.sales_data", *TO)
    execute(sales, "ALTER TABLE sales_data DROP KEY rowid")
    command.run("copy", "env:SHOP", "shop.sales_data", *TO, "--key", "rowid")
    command.run("copy", "env:SHOP", "shop.sales_data", *TO)

    query(staging, "CREATE TABLE public.people (id int PRIMARY KEY, number int NOT NULL UNIQUE)")
    command.run("copy", "env:TARGET", "public.people", *TO)
    query(staging, "ALTER TABLE public.people DROP CONSTRAINT people_pkey")
    assert "raw.people: (id) was a key of " in refusal(command, "env:TARGET", "public.people")


@pytest.mark.parametrize(
    ("schema", "said"),
    [("", "a schema has a name"), ("sync", "keeps its own tables"), ("quarantine", "keeps its own tables")],
)
def test_a_schema_that_no_table_can_go_to_is_refused(schema: str, said: str, command: Command) -> None:
    done = command.run("copy", "env:SHOP", "shop.x", *TO, "--schema", schema, exit_code=2)
    assert said in " ".join(done.stderr.split())
