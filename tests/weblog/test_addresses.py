"""Addresses cut from lines, and the banned ones left out."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from random import Random

import pytest

from sync.errors import SyncError
from tests.weblog.lines import line
from weblog.addresses import archive, banned_addresses, extract, transform


def extracted(*chunks: bytes) -> tuple[list[str], list[int]]:
    out, unsound = io.BytesIO(), []
    extract(iter(chunks), out, unsound)
    return out.getvalue().decode().splitlines(), unsound


def transformed(content: bytes, *banned: str) -> list[str]:
    out = io.BytesIO()
    transform(iter([content]), banned, out)
    return out.getvalue().decode().splitlines()


def test_addresses_are_what_cut_has_and_grep_leaves(tmp_path: Path) -> None:
    chance = Random(7)
    addresses = [
        "198.46.149.143",
        "198.46.149.14",
        "198.46.149.1430",
        "198x46x149x143",
        "2001:db8::1",
        "a.example",
    ]
    lines = [line(chance.choice(addresses)) for _ in range(2000)]
    (tmp_path / "log").write_text("".join(lines))
    peer = subprocess.run(
        f"cut -d' ' -f1 {tmp_path / 'log'} | grep -vxF 198.46.149.143",
        shell=True,
        capture_output=True,
        check=True,
    )
    content = "".join(lines).encode()
    middle = content.index(b"\n", len(content) // 2) + 1
    found, unsound = extracted(content[:middle], content[middle:])
    kept = transformed("".join(f"{address}\n" for address in found).encode(), "198.46.149.143")
    assert kept == peer.stdout.decode().splitlines()
    assert unsound == []


def test_lines_without_a_sound_address_are_left_out_and_told_by_number() -> None:
    content = (
        line("198.18.0.1") + "\n" + line("-") + ' "GET / HTTP/1.1"\n' + line("::1") + "alone\n"
    ).encode()
    assert extracted(content) == (["198.18.0.1", "::1", "alone"], [1, 2, 3])


@pytest.mark.parametrize("banned", [("198.18.0.1",), ("198.18.0.1", "::1"), ()])
def test_a_banned_address_goes_wherever_it_stands_and_however_often(banned: tuple[str, ...]) -> None:
    addresses = ["198.18.0.1"] * 3 + ["198.18.0.11", "::1", "198.18.0.1", "::1", "198.18.0.1"]
    content = "".join(f"{address}\n" for address in addresses).encode()
    assert transformed(content, *banned) == [address for address in addresses if address not in banned]


def test_the_setting_takes_blanks_and_refuses_what_is_no_address() -> None:
    assert banned_addresses(" 198.18.0.1, 2001:db8::1 ,") == ("198.18.0.1", "2001:db8::1")
    assert banned_addresses("") == ()
    with pytest.raises(SyncError, match=r"SOFTCART_BANNED_ADDRESSES: '198.18.0.\*' is no address"):
        banned_addresses("198.18.0.*")


def test_the_archive_is_the_same_bytes_whenever_and_whoever_made_it(tmp_path: Path) -> None:
    source = tmp_path / "some.txt"
    source.write_text("198.18.0.1\n")
    archive(source, tmp_path / "one.tar")
    source.touch()
    source.chmod(0o600)
    archive(source, tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as tar:
        [member] = tar.getmembers()
        content = tar.extractfile(member)
        assert content is not None
        assert (member.name, member.mtime, member.uid, member.uname) == ("transformed_data.txt", 0, 0, "")
        assert content.read() == b"198.18.0.1\n"
