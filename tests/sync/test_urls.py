from urllib.parse import quote

import pytest

from sync.connections.mongodb import mongodb_arguments, refuse_unknown_options
from sync.connections.mysql import mysql_arguments
from sync.connections.postgresql import postgresql_arguments
from sync.connections.urls import parse
from sync.errors import SyncError


@pytest.mark.parametrize(
    ("url", "system"),
    [
        ("mysql://u:p@h:3307/shop", "mysql"),
        ("mysql+pymysql://u:p@h:3307/shop", "mysql"),
        ("mariadb://u:p@h:3307/shop", "mysql"),
        ("postgresql+psycopg2://u:p@h:3307/shop", "postgresql"),
        ("postgres://u:p@h:3307/shop", "postgresql"),
    ],
)
def test_plain_and_sqlalchemy_urls_mean_the_same(url: str, system: str) -> None:
    parsed = parse(url)
    assert (parsed.system, parsed.user, parsed.password) == (system, "u", "p")
    assert (parsed.host, parsed.port, parsed.database) == ("h", 3307, "shop")


@pytest.mark.parametrize("url", ["mysql://u:s%40fe@h/shop", "mongodb://u:s%40fe@a:1,b:2/shop?replicaSet=rs0"])
def test_a_password_shows_nowhere(url: str) -> None:
    parsed = parse(url)
    for shown in (str(parsed), repr(parsed)):
        assert "s%40fe" not in shown
        assert "s@fe" not in shown


def test_special_characters_in_user_and_password_are_decoded() -> None:
    arguments = mysql_arguments(parse("mysql://a%3Ab:p%C3%A9%2F@h/db%20one"))
    assert (arguments["user"], arguments["password"], arguments["database"]) == (
        "a:b",
        "pé/".encode(),
        "db one",
    )


@pytest.mark.parametrize("password", ["p@ss", "50%", "1%2s", "a:b"])
def test_a_password_that_is_not_encoded_is_understood_where_it_can_be(password: str) -> None:
    postgresql = parse(f"postgresql://u:{password}@h/db?sslmode=require")
    assert postgresql.password == password
    assert postgresql.text == f"postgresql://u:{quote(password, safe='')}@h/db?sslmode=require"
    assert parse(f"mongodb://u:{password}@a:1,b:2/db").host == "a:1,b:2"


def test_options_of_the_query_string_reach_the_driver() -> None:
    tls = mysql_arguments(parse("mysql://h/db?ssl_mode=VERIFY_IDENTITY&ssl_ca=/ca.pem&connect_timeout=3"))
    assert tls["ssl_verify_identity"] and tls["ssl_ca"] == "/ca.pem" and tls["connect_timeout"] == 3
    libpq = postgresql_arguments(parse("postgresql+psycopg2://h/db?sslmode=require&application_name=mine"))
    assert libpq == {
        "dsn": "postgresql://h/db?sslmode=require&application_name=mine",
        "connect_timeout": "10",
    }
    client = mongodb_arguments(parse("mongodb://h/db?serverselectiontimeoutms=50"))
    assert "serverSelectionTimeoutMS" not in client


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("h:3306/shop", "a database URL begins with"),
        ("oracle://u:secret@h/db", "a database URL begins with"),
        ("mysql://u:12/secret@h/db", "has an @ behind its host"),
        ("mysql://u:1?secret@h/db", "has an @ behind its host"),
        ("mysql://u:1#secret@h/db", "has an @ behind its host"),
        ("mysql://u:1@/secret@h/db", "has an @ behind its host"),
        ("mysql://u:secret@h:99999/db", "the port in the URL of host h"),
        ("mysql://u:secret@h/db?ssl_mod=required", "unknown option 'ssl_mod'"),
        ("mysql://u:secret@h/db?ssl_mode=on", "ssl_mode is one of"),
        ("mysql://u:secret@h/db?connect_timeout=soon", "connect_timeout is a number of seconds"),
        ("postgresql://u:secret@h/db", "is no mysql URL"),
    ],
)
def test_a_url_that_is_wrong_is_refused_without_showing_it(url: str, complaint: str) -> None:
    with pytest.raises(SyncError, match=complaint) as error:
        mysql_arguments(parse(url))
    assert "secret" not in str(error.value)


def test_a_postgresql_url_may_list_several_hosts() -> None:
    url = parse("postgresql://me:secret@h1:1,h2:2/db?target_session_attrs=read-write")
    assert (str(url), url.user, url.database) == ("postgresql://me:***@h1:1,h2:2/db", "me", "db")
    assert postgresql_arguments(url)["dsn"] == (
        "postgresql://me:secret@h1:1,h2:2/db?target_session_attrs=read-write"
    )
    listed = parse("postgresql://me:secret@/db?host=h1,h2&port=1,2")
    assert str(listed) == "postgresql://me:***@h1,h2/db"


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("nosuch=1", "Unknown option: nosuch"),
        ("tsl=true", "Unknown option: tsl.*tls"),
        ("tls=maybe", "tls must be"),
        ("connectTimeoutMS=soon", "connecttimeoutms must be"),
    ],
)
def test_an_option_that_mongodb_does_not_know_is_refused_by_name(option: str, complaint: str) -> None:
    with pytest.raises(SyncError, match=complaint) as error:
        refuse_unknown_options(parse(f"mongodb://u:secret@h1:1,h2/db?replicaSet=rs0&{option}"))
    assert "secret" not in str(error.value)


def test_the_options_that_mongodb_knows_are_taken_in_any_case() -> None:
    refuse_unknown_options(
        parse(
            "mongodb+srv://u:p@h/db?authsource=admin&readPreferenceTags=dc:1&readPreferenceTags=&w=0&tls=true"
        )
    )
    refuse_unknown_options(parse("mongodb://u:p@h/db"))
