"""Servers that were killed, half made, or lost their port to a stranger come up again, or say why not."""

import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from pymongo import MongoClient

from stack.__main__ import main
from stack.cluster import Cluster
from stack.home import CLONE, Home, StackError
from stack.ports import BASE_VARIABLE
from stack.server import Server

THEIRS = {
    "mysql": {"SOFTCART_MYSQL_URL": "mysql://me:mine@db.example/shop"},
    "mongodb": {"SOFTCART_MONGO_URL": "mongodb://me:mine@db.example/catalog"},
    "postgres": {
        f"SOFTCART_{name}_URL": f"postgresql://me:mine@db.example/{name.lower()}"
        for name in ("STAGING", "PRODUCTION", "DAGSTER")
    },
}


def quiet(line: str) -> None:
    """Nobody listens to what these servers say."""


def all_but(name: str) -> dict[str, str]:
    """The environment of someone who replaces every server by one of his own but the one named."""
    return {key: url for server, urls in THEIRS.items() if server != name for key, url in urls.items()}


@pytest.fixture(scope="module")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home that these tests may wreck; it shares the downloaded binaries."""
    home = Home(tmp_path_factory.mktemp("spare home"), Home.from_environment().tools)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.delenv(BASE_VARIABLE, raising=False)
        yield home
    Cluster(home, {}).down(quiet)
    shutil.rmtree(home.root)


@pytest.fixture
def mariadb(spare: Home) -> Cluster:
    cluster = Cluster(spare, all_but("mysql"))
    cluster.up(quiet)
    return cluster


@pytest.fixture
def mongodb(spare: Home) -> Cluster:
    cluster = Cluster(spare, all_but("mongodb"))
    cluster.up(quiet)
    return cluster


@pytest.fixture
def postgres(spare: Home) -> Cluster:
    cluster = Cluster(spare, all_but("postgres"))
    cluster.up(quiet)
    return cluster


def server_of(cluster: Cluster) -> Server:
    (server,) = cluster.servers
    return server


def pid_of(cluster: Cluster) -> int:
    process = server_of(cluster).process()
    assert process
    return int(process.pid)


def kill(cluster: Cluster) -> int:
    """Kill a cluster's only server the hard way; the pid that it had."""
    process = psutil.Process(pid_of(cluster))
    process.kill()
    psutil.wait_procs([process])
    return process.pid


def test_a_server_that_was_killed_comes_up_again(mariadb: Cluster) -> None:
    before = kill(mariadb)
    mariadb.up(quiet)
    assert pid_of(mariadb) != before


def test_a_pid_file_that_names_a_stranger_by_now_does_not_keep_a_killed_postgresql_down(
    postgres: Cluster,
) -> None:
    kill(postgres)
    pid_file = server_of(postgres).data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:], ""]))
    postgres.up(quiet)
    assert pid_of(postgres) != os.getpid()


def test_a_killed_mongodb_comes_up_on_another_port_with_its_replica_set(
    mongodb: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill(mongodb)
    base = mongodb.ports.known()["mysql"] + 5  # the other half of the block, which this home has to itself
    monkeypatch.setenv(BASE_VARIABLE, str(base))
    mongodb.up(quiet)
    with MongoClient[dict[str, object]](mongodb.urls()["SOFTCART_MONGO_ADMIN_URL"]) as client:
        client.catalog.books.insert_one({"_id": 1})
        assert client.primary == ("127.0.0.1", base + 1)


def test_a_second_up_leaves_a_running_server_alone_and_says_nothing(mariadb: Cluster) -> None:
    said: list[str] = []
    before = pid_of(mariadb)
    mariadb.up(said.append)
    of_servers = [line for line in said if "SOFTCART_DAGSTER_URL" not in line]  # which is theirs, and away
    assert (pid_of(mariadb), of_servers) == (before, [])


def test_a_server_whose_port_was_taken_moves_and_says_so(mariadb: Cluster) -> None:
    said: list[str] = []
    taken = mariadb.ports.known()["mysql"]
    mariadb.down(quiet)
    with socket.create_server(("127.0.0.1", taken)):
        mariadb.up(said.append)
        port = mariadb.ports.known()["mysql"]
        assert port != taken
        assert any(f"port {taken} is taken" in line and str(port) in line for line in said)
        assert server_of(mariadb).ping(port)
        assert f"127.0.0.1:{port}/" in mariadb.urls()["SOFTCART_MYSQL_URL"]


def test_a_port_that_the_user_chose_and_a_stranger_has_is_an_error_that_names_both(
    mariadb: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    mariadb.down(quiet)
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        monkeypatch.setenv(BASE_VARIABLE, str(port))
        with pytest.raises(StackError, match=rf"port {port}.*pid {os.getpid()}.*{BASE_VARIABLE}"):
            mariadb.up(quiet)


def test_a_port_base_that_is_none_is_refused_by_name(
    mariadb: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BASE_VARIABLE, "http")
    with pytest.raises(StackError, match="SOFTCART_PORT_BASE is 'http'"):
        mariadb.up(quiet)


def test_a_data_folder_whose_making_was_interrupted_is_made_anew(mariadb: Cluster) -> None:
    server = server_of(mariadb)
    mariadb.down(quiet)
    (server.folder / "initialised").unlink()
    shutil.rmtree(server.data / "mysql")
    said: list[str] = []
    mariadb.up(said.append)
    assert any("interrupted" in line for line in said)
    assert server.ping(mariadb.ports.known()["mysql"])


def test_a_server_that_cannot_start_is_an_error_with_the_last_lines_of_its_log(mariadb: Cluster) -> None:
    mariadb.down(quiet)
    control = server_of(mariadb).data / "aria_log_control"
    kept = control.read_bytes()
    control.write_bytes(b"not a control file")
    with pytest.raises(StackError, match=r"(?s)MariaDB ended while it started.*mysql\.log.*Aborting"):
        mariadb.up(quiet)
    control.write_bytes(kept)
    mariadb.up(quiet)


def test_two_set_ups_at_once_start_one_server(mariadb: Cluster, spare: Home) -> None:
    mariadb.down(quiet)
    environment = {**os.environ, **all_but("mysql"), "SOFTCART_HOME": str(spare.root)}
    (spare.root / "debian").symlink_to(spare.tools / "debian")
    command = [sys.executable, "-m", "stack", "up"]
    both = [subprocess.Popen(command, cwd=CLONE, env=environment) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert pid_of(mariadb)


def test_servers_that_a_killed_test_run_left_are_stopped_before_their_home_is_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home", Home.from_environment().tools)
    home.prepare()
    left = Cluster(home.inner("test"), all_but("mongodb"))
    left.up(quiet)
    process = psutil.Process(pid_of(left))
    monkeypatch.setenv("SOFTCART_HOME", str(home.root))
    assert CliRunner().invoke(main, ["clean", "--yes"]).exit_code == 0
    assert not home.root.exists()
    assert not process.is_running()


def test_lost_passwords_are_named_and_not_replaced(mariadb: Cluster, spare: Home) -> None:
    secrets = spare.root / "secrets.json"
    kept = secrets.rename(spare.root / "kept")
    with pytest.raises(StackError, match=r"secrets\.json is missing"):
        _ = Home(spare.root, spare.tools).passwords
    kept.rename(secrets)


def test_the_environment_is_quoted_export_lines_and_nothing_else(
    mariadb: Cluster, spare: Home, tmp_path: Path
) -> None:
    odd = 'mongodb://me:it\'s $HOME `id` "x"@db.example/catalog'
    done = subprocess.run(
        [sys.executable, "-m", "stack", "env"],
        cwd=CLONE,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"/theirs:{CLONE}",
            "SOFTCART_HOME": str(spare.root),
            "SOFTCART_MONGO_URL": odd,
        },
        text=True,
        capture_output=True,
        check=True,
    )
    names = [line.removeprefix("export ").partition("=")[0] for line in done.stdout.splitlines()]
    script = done.stdout + "\n".join(f'printf "%s\\0" "${name}"' for name in names)
    values = subprocess.run(
        ["sh", "-eu"], input=script, text=True, capture_output=True, check=True, env={}
    ).stdout
    got = dict(zip(names, values.split("\0"), strict=False))
    assert all(shlex.split(line)[0] == "export" for line in done.stdout.splitlines())
    assert got["SOFTCART_MONGO_URL"] == odd
    assert got["SOFTCART_MYSQL_URL"] == mariadb.urls()["SOFTCART_MYSQL_URL"]
    assert got["DAGSTER_HOME"] == str(spare.dagster)
    assert got["PYTHONPATH"] == f"{CLONE}:/theirs"
