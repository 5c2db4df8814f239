"""Setting up: what is pinned, what is fetched, and what is said when it can't be."""

import time
from pathlib import Path

import pytest

from stack import bootstrap, machine
from stack.apt import make_links_relative
from stack.bootstrap import LOCK, SETUP_LOCK, read_stamp, stamp
from stack.home import StackError
from stack.machine import machine_java, machine_mysql
from stack.packages import Toolbox


def test_the_locks_pin_every_package_by_hash_and_name_no_host() -> None:
    for lock in (LOCK, SETUP_LOCK):
        lines = [line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#")]
        packages = [line for line in lines if not line.startswith(" ")]
        assert packages
        assert all("==" in line and line.endswith("\\") for line in packages)
        assert "://" not in lock.read_text()


def test_an_environment_whose_making_was_interrupted_is_known_by_its_missing_stamp(tmp_path: Path) -> None:
    assert read_stamp(tmp_path) != stamp(tmp_path)


def test_a_long_step_of_the_set_up_says_that_it_goes_on_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "GOES_ON_SECONDS", 0.01)
    said = ""
    with bootstrap.step("fetching everything"):
        while said.count("still fetching everything") < 2:
            said += capsys.readouterr().err
            time.sleep(0.01)
    assert said.startswith("… fetching everything\n")
    assert "… done in " in capsys.readouterr().err


def test_a_machine_without_apt_is_told_which_packages_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(machine, "ADMINISTRATORS_FOLDERS", ())
    with pytest.raises(StackError, match=r"no apt-get and dpkg.*mariadb-server-core"):
        Toolbox(tmp_path / "home").ensure("mariadb")


def test_java_is_taken_from_the_machine_only_when_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.touch(mode=0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    (tmp_path / "release").write_text('JAVA_VERSION="21.0.4"\n')
    assert machine_java() == java
    (tmp_path / "release").write_text('JAVA_VERSION="11.0.2"\n')
    assert machine_java() != java


def test_mariadbs_program_named_mysqld_is_not_taken_for_mysql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mysqld = tmp_path / "mysqld"
    mysqld.write_text("#!/bin/sh\necho mysqld  Ver 10.11.14-MariaDB for debian-linux-gnu\n")
    mysqld.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine_mysql() is None
    mysqld.write_text("#!/bin/sh\necho mysqld  Ver 8.0.44 for Linux\n")
    assert machine_mysql() == mysqld


def test_absolute_links_of_a_package_lead_to_what_was_unpacked_with_it(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "java.security").write_text("ours")
    (tmp_path / "usr" / "conf").mkdir(parents=True)
    inside, outside = tmp_path / "usr" / "conf" / "inside", tmp_path / "usr" / "conf" / "outside"
    inside.symlink_to("/etc/java.security")
    outside.symlink_to("/etc/hostname")
    make_links_relative(tmp_path)
    assert inside.read_text() == "ours"
    assert outside.readlink() == Path("/etc/hostname")
