"""Whose servers the platform works on, and what is said about the passwords of ours."""

import stat
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from stack.__main__ import main
from stack.cluster import Cluster
from stack.environment import foreign, lands_demo, urls, users_own
from stack.home import Home, StackError
from stack.ports import Ports
from stack.production import STAND_INS, remember
from stack.stand_in import StandIn
from tests.processes import answers

PORTS = {"mysql": 21000, "mongodb": 21001, "postgres": 21002, "ui": 21003}
THEIRS = "mysql://me:mine@db.example/shop"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", tmp_path / "home")


def test_a_server_of_the_users_own_is_passed_on_and_brings_no_right_to_write(home: Home) -> None:
    environment = {"SOFTCART_MYSQL_URL": THEIRS}
    got = urls(home, PORTS, environment)
    assert foreign(home, environment) == {"mysql"}
    assert got["SOFTCART_MYSQL_URL"] == THEIRS
    assert {"SOFTCART_MYSQL_ADMIN_URL", "SOFTCART_MYSQL_RESTORE_URL"}.isdisjoint(got)
    assert "SOFTCART_MONGO_ADMIN_URL" in got


def test_a_right_to_write_that_the_user_gives_is_passed_on(home: Home) -> None:
    admin = "mysql://boss:mine@db.example/shop"
    got = urls(home, PORTS, {"SOFTCART_MYSQL_URL": THEIRS, "SOFTCART_MYSQL_ADMIN_URL": admin})
    assert got["SOFTCART_MYSQL_ADMIN_URL"] == admin


def test_a_right_to_write_to_another_shop_than_the_one_that_is_read_is_refused(home: Home) -> None:
    with pytest.raises(StackError, match="SOFTCART_MYSQL_ADMIN_URL is set and SOFTCART_MYSQL_URL is not"):
        urls(home, PORTS, {"SOFTCART_MYSQL_ADMIN_URL": THEIRS})


def test_our_own_urls_in_the_callers_shell_are_not_taken_for_his(home: Home) -> None:
    earlier = urls(home, PORTS, {})
    moved = {name: port + 10 for name, port in PORTS.items()}
    assert foreign(home, earlier) == set()
    assert urls(home, moved, earlier) == urls(home, moved, {})


def test_postgresql_runs_while_one_of_its_databases_is_still_ours(home: Home) -> None:
    environment = {"SOFTCART_PRODUCTION_URL": "postgresql://me:mine@db.example/dwh"}
    got = urls(home, PORTS, environment)
    assert foreign(home, environment) == set()
    assert got["SOFTCART_PRODUCTION_URL"] == environment["SOFTCART_PRODUCTION_URL"]
    assert "SOFTCART_BI_URL" not in got
    assert "127.0.0.1:21002/staging" in got["SOFTCART_STAGING_URL"]


def test_the_demo_shop_is_landed_where_all_that_it_ends_in_is_ours_and_no_folder_is_named(
    home: Home,
) -> None:
    assert lands_demo(home, {})
    assert not lands_demo(home, {"SOFTCART_LANDING": "files"})


class Elsewhere(StandIn):
    name, title, lacks = "elsewhere", "Elsewhere", ("it keeps nothing",)

    def url(self, home: Home, ports: Mapping[str, int]) -> str:
        return f"elsewhere://softcart:{home.passwords['postgres.softcart']}@127.0.0.1:{ports['postgres']}/dwh"

    def variables(self, home: Home, ports: Mapping[str, int]) -> dict[str, str]:
        return {"ELSEWHERE": "here"}


def test_the_stand_in_for_production_is_remembered_and_ours(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STAND_INS, "elsewhere", Elsewhere())
    remember(home, {})
    assert urls(home, PORTS, {})["SOFTCART_PRODUCTION_URL"].startswith("postgresql://")
    remember(home, {"PRODUCTION": "elsewhere"})
    shell = Cluster(home, {}).variables()
    found = urls(home, PORTS, shell)
    assert found["SOFTCART_PRODUCTION_URL"].startswith("elsewhere://softcart:")
    assert "SOFTCART_BI_URL" not in found
    assert shell["ELSEWHERE"] == "here"
    assert users_own(home, shell) == {}
    assert lands_demo(home, shell)
    remember(home, {"PRODUCTION": "postgresql"})
    assert urls(home, PORTS, shell)["SOFTCART_PRODUCTION_URL"].startswith("postgresql://")


def test_a_stand_in_that_there_is_not_is_refused_with_those_that_there_are(home: Home) -> None:
    with pytest.raises(StackError, match="PRODUCTION is 'oracle': give postgresql"):
        urls(home, PORTS, {"PRODUCTION": "oracle"})


def test_a_stand_in_beside_a_warehouse_of_the_users_own_is_refused(home: Home) -> None:
    theirs = {"SOFTCART_PRODUCTION_URL": "postgresql://me:mine@db.example/dwh", "PRODUCTION": "postgresql"}
    with pytest.raises(StackError, match="names a warehouse of your own: unset one"):
        Cluster(home, theirs).up(print)


@pytest.mark.parametrize(
    "theirs",
    [
        {"SOFTCART_MYSQL_URL": THEIRS},
        {"SOFTCART_MYSQL_URL": THEIRS, "SOFTCART_MYSQL_ADMIN_URL": THEIRS},
        {"SOFTCART_MONGO_URL": "mongodb://me:mine@db.example/catalog"},
        {"SOFTCART_STAGING_URL": "postgresql://me:mine@db.example/staging"},
        {"SOFTCART_PRODUCTION_URL": "postgresql://me:mine@db.example/dwh"},
    ],
)
def test_the_demo_shop_is_not_landed_beside_a_system_of_the_users_own(
    home: Home, theirs: dict[str, str]
) -> None:
    assert not lands_demo(home, theirs)
    assert not lands_demo(home, {**urls(home, PORTS, {}), **theirs})


def test_the_demo_shop_is_landed_in_a_shop_of_the_users_own_when_he_gives_both_rights_to_write(
    home: Home,
) -> None:
    catalog = "mongodb://me:mine@db.example/catalog"
    both = {
        "SOFTCART_MYSQL_URL": THEIRS,
        "SOFTCART_MYSQL_ADMIN_URL": THEIRS,
        "SOFTCART_MONGO_URL": catalog,
        "SOFTCART_MONGO_ADMIN_URL": catalog,
    }
    assert lands_demo(home, both)
    assert not lands_demo(home, {**both, "SOFTCART_STAGING_URL": "postgresql://me:mine@db.example/staging"})


@pytest.fixture
def used(home: Home) -> Home:
    """A home that has chosen its ports and made its demo shop."""
    home.prepare()
    home.demo.mkdir()
    Ports(home).wanted()
    return home


def test_what_a_shell_still_has_of_our_servers_is_taken_back_where_the_user_sets_his_own(used: Home) -> None:
    shell = {**Cluster(used, {}).variables(), "SOFTCART_MYSQL_URL": THEIRS}
    assert shell["SOFTCART_LANDING"] == str(used.demo)
    cluster = Cluster(used, shell)
    left_out = {"SOFTCART_MYSQL_ADMIN_URL", "SOFTCART_MYSQL_RESTORE_URL", "SOFTCART_LANDING"}
    assert set(cluster.left_out()) == left_out
    assert left_out.isdisjoint(cluster.variables())


def test_a_folder_of_landing_files_that_the_user_named_stays(used: Home) -> None:
    cluster = Cluster(used, {"SOFTCART_LANDING": "files", "SOFTCART_MYSQL_URL": THEIRS})
    assert cluster.variables()["SOFTCART_LANDING"] == "files"
    assert cluster.left_out() == []


def test_a_shell_that_takes_the_environment_again_loses_what_is_left_out(
    used: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOFTCART_HOME", str(used.root))
    for name, value in Cluster(used, {}).urls().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SOFTCART_MYSQL_URL", THEIRS)
    lines = CliRunner().invoke(main, ["env"]).stdout.splitlines()
    assert lines[:2] == ["unset SOFTCART_MYSQL_ADMIN_URL", "unset SOFTCART_MYSQL_RESTORE_URL"]
    assert f"export SOFTCART_MYSQL_URL={THEIRS}" in lines


def test_a_log_is_named_in_full_however_narrow_the_terminal(
    used: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOFTCART_HOME", str(used.root))
    monkeypatch.setenv("COLUMNS", "40")
    shown = CliRunner().invoke(main, ["status"]).stdout
    assert all(str(used.logs / f"{name}.log") in shown for name in ("mysql", "mongodb", "postgres"))


def test_a_folder_that_holds_other_things_is_neither_used_nor_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = tmp_path / "letter"
    letter.touch()
    monkeypatch.setenv("SOFTCART_HOME", str(tmp_path))
    for command in (["up"], ["clean", "--yes"]):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 1
        assert str(tmp_path) in result.output
    assert letter.exists()


def test_a_home_is_thrown_away_when_asked_and_only_then(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.prepare()
    monkeypatch.setenv("SOFTCART_HOME", str(home.root))
    assert CliRunner().invoke(main, ["clean"], input="n\n").exit_code == 1
    assert home.root.exists()
    assert CliRunner().invoke(main, ["clean"], input="y\n").exit_code == 0
    assert not home.root.exists()


def test_passwords_are_in_one_private_file_and_neither_among_the_processes_nor_in_a_log(
    stack: Cluster,
) -> None:
    secrets = stack.home.root / "secrets.json"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert stat.S_IMODE(stack.home.root.stat().st_mode) == 0o700
    running = [process for server in stack.servers if (process := server.process())]
    processes = [*running, *psutil.Process().children(recursive=True)]
    shown = answers(processes, lambda process: " ".join(process.cmdline()))
    shown += [log.read_text(errors="replace") for log in stack.home.logs.iterdir()]
    assert len(running) == 3
    assert not [login for login, word in stack.home.passwords.items() if any(word in text for text in shown)]


def test_sqlalchemys_name_of_postgresql_is_given_to_dagster(home: Home) -> None:
    found = urls(home, PORTS, {"SOFTCART_DAGSTER_URL": "postgres://me:mine@db.example/runs"})
    assert found["SOFTCART_DAGSTER_URL"] == "postgresql://me:mine@db.example/runs"


def test_models_are_registered_in_a_database_of_their_own(home: Home) -> None:
    assert "127.0.0.1:21002/mlflow" in urls(home, PORTS, {})["MLFLOW_TRACKING_URI"]


def test_the_users_registry_is_used_whatever_else_is_ours(home: Home) -> None:
    theirs = {"MLFLOW_TRACKING_URI": "https://models.example"}
    assert urls(home, PORTS, theirs)["MLFLOW_TRACKING_URI"] == "https://models.example"
    assert foreign(home, theirs) == set()


def test_no_registry_of_ours_is_named_where_postgresql_is_the_users(home: Home) -> None:
    theirs = {
        name: f"postgresql://me:mine@db.example/{name.lower()}"
        for name in ("SOFTCART_STAGING_URL", "SOFTCART_PRODUCTION_URL", "SOFTCART_DAGSTER_URL")
    }
    assert "MLFLOW_TRACKING_URI" not in urls(home, PORTS, theirs)
    assert foreign(home, theirs) == {"postgres"}
