import gzip
import io
import pickle
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forecast import archive
from forecast.archive import unpacked
from forecast.errors import ModelRefused
from forecast.pretrained import ARCHIVE, inspect, landed
from tests.forecast.landed_model import model_archive, save_model


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder for an archive, beside which nothing may appear."""
    inner = tmp_path / "landing"
    inner.mkdir()
    yield inner
    assert sorted(path.name for path in tmp_path.iterdir()) == ["landing"]


def tar(place: Path, *members: tuple[dict[str, Any], bytes]) -> Path:
    path = place / ARCHIVE
    with tarfile.open(path, "w:gz") as file:
        for fields, content in members:
            member = tarfile.TarInfo(fields["name"])
            member.size = len(content)
            for name, value in fields.items():
                setattr(member, name, value)
            file.addfile(member, io.BytesIO(content))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ModelRefused) as refused, unpacked(path):
        pass
    return str(refused.value)


def test_a_models_files_come_out_and_are_gone_afterwards(place: Path) -> None:
    with unpacked(model_archive(place)) as folder:
        assert inspect(folder).coefficient == 2.5
        assert folder.name == "sales_prediction.model"
    assert not folder.exists()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": "../outside"}, "'../outside' leads out of its folder"),
        ({"name": "model/../../outside"}, "'model/../../outside' leads out of its folder"),
        ({"name": "/tmp/softcart-outside"}, "'/tmp/softcart-outside' leads out of its folder"),
        ({"name": "model\\..\\outside"}, "leads out of its folder"),
        ({"name": "model/a", "type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "'model/a' is a link"),
        ({"name": "model/a", "type": tarfile.LNKTYPE, "linkname": "model/b"}, "'model/a' is a link"),
        ({"name": "model/a", "type": tarfile.CHRTYPE}, "'model/a' is neither a plain file nor a folder"),
        ({"name": "model/a", "type": tarfile.BLKTYPE}, "'model/a' is neither a plain file nor a folder"),
        ({"name": "model/a", "type": tarfile.FIFOTYPE}, "'model/a' is neither a plain file nor a folder"),
        ({"name": "model/weights.pkl"}, "'model/weights.pkl' is a pickle, and to read one is to run it"),
    ],
    ids=lambda value: value["name"] + str(value.get("type", "")) if isinstance(value, dict) else "",
)
def test_a_member_that_could_do_harm_is_refused_by_name(
    place: Path, fields: dict[str, Any], reason: str
) -> None:
    said = refusal(tar(place, ({"name": "model/good"}, b"x"), (fields, b"")))
    assert said.startswith(f"{ARCHIVE}: ")
    assert reason in said


def test_a_link_to_a_folder_outside_leads_nobody_there(place: Path, tmp_path: Path) -> None:
    link = {"name": "model/out", "type": tarfile.SYMTYPE, "linkname": str(tmp_path)}
    assert "is a link" in refusal(tar(place, (link, b""), ({"name": "model/out/harm"}, b"harm")))


def test_a_member_that_comes_twice_is_refused(place: Path) -> None:
    assert "'model/a' twice" in refusal(tar(place, ({"name": "model/a"}, b"1"), ({"name": "model/a"}, b"2")))


def test_more_than_one_folder_is_refused(place: Path) -> None:
    said = refusal(tar(place, ({"name": "model/a"}, b"1"), ({"name": "other/a"}, b"2")))
    assert "should hold one folder, and holds 2 members" in said


def test_an_archive_that_unpacks_to_too_much_is_refused_while_it_unpacks(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_BYTES", 2**20)
    assert "it unpacks to more than 1 MiB" in refusal(tar(place, ({"name": "model/a"}, bytes(2**21))))


def test_a_header_that_claims_more_than_there_is_takes_no_memory(place: Path) -> None:
    header = tarfile.TarInfo("model/a")
    header.type, header.size = tarfile.XHDTYPE, 2**40
    path = place / ARCHIVE
    path.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT)))
    assert "is no whole .tar.gz archive" in refusal(path)


def test_too_many_members_are_refused(place: Path) -> None:
    members = [({"name": f"model/{number}"}, b"") for number in range(archive.MAX_MEMBERS + 1)]
    assert "it has more than 500 members" in refusal(tar(place, *members))


def test_a_large_archive_is_refused_unread(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_ARCHIVE_BYTES", 100)
    assert "a model has at most 100" in refusal(model_archive(place))


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", pickle.dumps([1]), gzip.compress(b"no tar" * 200)],
    ids=["empty", "text", "pickle", "gzip of no tar"],
)
def test_what_is_no_archive_is_refused(place: Path, content: bytes) -> None:
    (place / ARCHIVE).write_bytes(content)
    assert "is no whole .tar.gz archive" in refusal(place / ARCHIVE)


def test_an_archive_that_breaks_off_is_refused(place: Path) -> None:
    whole = model_archive(place).read_bytes()
    (place / ARCHIVE).write_bytes(whole[: len(whole) // 2])
    assert "is no whole .tar.gz archive" in refusal(place / ARCHIVE)


def test_a_pickle_in_a_models_place_is_refused_by_name(place: Path) -> None:
    assert landed(place) is None
    (place / "sales_prediction.model.pkl").write_bytes(b"cos\nsystem\n(S'touch /tmp/harm'\ntR.")
    with pytest.raises(
        ModelRefused, match=r"^sales_prediction\.model\.pkl is a pickle, and to read one is to"
    ):
        landed(place)


def test_nothing_is_landed_without_a_folder(place: Path) -> None:
    assert landed(None) is None
    assert landed(place / "missing") is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"kind": "org.apache.spark.ml.classification.GBTClassificationModel"},
            "GBTClassificationModel, not",
        ),
        ({"coefficients": [1.0, 2.0]}, "has 2 coefficients; it should have the year's alone"),
        ({"coefficients": [float("nan")]}, "has an infinite coefficient or none"),
        ({"intercept": float("inf")}, "has an infinite coefficient or none"),
        ({"metadata": "not JSON"}, "metadata is no model's"),
        ({"metadata": ""}, "metadata is no model's"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_model_of_another_kind_is_refused(tmp_path: Path, fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ModelRefused) as refused:
        inspect(save_model(tmp_path, **fields))
    assert reason in str(refused.value)


def test_a_model_without_its_data_is_refused(tmp_path: Path) -> None:
    folder = save_model(tmp_path)
    next((folder / "data").glob("*.parquet")).write_bytes(b"PAR1 or not")
    with pytest.raises(ModelRefused, match="holds no coefficients"):
        inspect(folder)
    next((folder / "data").glob("*.parquet")).unlink()
    with pytest.raises(ModelRefused, match="data has 0 parts"):
        inspect(folder)


def test_a_sparse_vector_of_one_feature_is_understood(tmp_path: Path) -> None:
    assert inspect(save_model(tmp_path, sparse=True)).coefficient == 2.5
