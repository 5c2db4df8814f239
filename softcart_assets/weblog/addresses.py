"""The address of each line of the log, without the banned ones, archived."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from exporting.storing import written
from softcart_assets.exports.files import exports_folder, file_metadata
from softcart_assets.metadata import OWNER, table_metadata
from softcart_assets.pictures import MOST_BARS, Picture, pictured
from softcart_assets.weblog.common import (
    ARCHIVE,
    EXTRACTED,
    GROUP,
    TRANSFORMED,
    failing,
    folder,
    lines_in,
    materialized,
    named_files,
)
from sync.errors import SyncError
from sync.spec import Column
from weblog.addresses import (
    MEMBER,
    READER,
    Addresses,
    Summary,
    archive,
    banned_addresses,
    chunks_of,
    summary,
    transform,
)
from weblog.files import log_files
from weblog.state import State

BANNED = "198.46.149.143"


def build_addresses() -> dg.AssetsDefinition:
    """`weblog/extracted`, `weblog/transformed` and `weblog/archive`, in one step."""
    specs = [
        _spec(EXTRACTED, "The address of each line of the web log, in the log's order."),
        _spec(
            TRANSFORMED,
            "The addresses of the web log without the lines of the banned ones (SOFTCART_BANNED_ADDRESSES).",
            [EXTRACTED],
        ),
        _spec(ARCHIVE, f"The cleaned addresses as {MEMBER} in exports/weblog.tar.", [TRANSFORMED], "tar"),
    ]

    @dg.multi_asset(
        name="weblog_addresses", specs=specs, required_resource_keys={"landing", "staging"}, can_subset=True
    )
    def weblog_addresses(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        selected = context.selected_asset_keys
        with failing(), context.resources.staging.connect() as staging:
            state = State(staging, READER)
            kept = Addresses(state, folder(staging) / "addresses")
            transformed = folder(staging) / MEMBER
            with state.held():
                if EXTRACTED in selected:
                    yield _extract(context, kept, state)
                if TRANSFORMED in selected:
                    yield _transform(kept, transformed)
                if ARCHIVE in selected:
                    yield _archive(transformed)

    return weblog_addresses


def _extract(context: dg.AssetExecutionContext, kept: Addresses, state: State) -> dg.MaterializeResult[Any]:
    notes: list[str] = []
    files = log_files(context.resources.landing.files())
    made, unsound = kept.read(files, notes)
    for name, number in unsound.lines:
        notes.append(f"{name}: line {number} does not begin with an address, and is left out")
    for note in notes:
        context.log.warning(note)
    found = _summary(kept.chunks())
    return materialized(
        EXTRACTED,
        found.lines,
        file=named_files(files),
        new_lines=sum(part.lines for part in made),
        lines_read=sum(log.lines for log in state.logs()),
        without_address=unsound.count,
        **_picture("Lines by address", found),
    )


def _transform(kept: Addresses, transformed: Path) -> dg.MaterializeResult[Any]:
    banned = banned_addresses(os.environ.get("SOFTCART_BANNED_ADDRESSES", BANNED))
    with written(transformed) as path, path.open("wb") as out:
        transform(kept.chunks(), banned, out)
    found = _summary(chunks_of(transformed))
    picture = _picture("Lines by address, without the banned ones", found)
    return materialized(TRANSFORMED, found.lines, banned=list(banned), **picture)


def _archive(transformed: Path) -> dg.MaterializeResult[Any]:
    if not transformed.is_file():
        raise SyncError(f"{transformed} is not there: materialize weblog/transformed")
    target = exports_folder() / "weblog.tar"
    archive(transformed, target)
    member = (MEMBER, transformed.stat().st_size, lines := lines_in(transformed))
    picture = pictured(("member", "bytes", "lines"), [member])
    return materialized(ARCHIVE, lines, **file_metadata(target), **picture)


def _summary(chunks: Iterable[bytes]) -> Summary:
    return summary(chunks, MOST_BARS)


def _picture(title: str, found: Summary) -> dict[str, Any]:
    rows = [(number, address) for number, address in enumerate(found.first, 1)]
    return pictured(("line", "address"), rows, Picture(title), found.most)


def _spec(
    key: dg.AssetKey, description: str, deps: Sequence[dg.AssetKey] = (), kind: str = "text"
) -> dg.AssetSpec:
    return dg.AssetSpec(
        key,
        deps=deps,
        group_name=GROUP,
        description=description,
        owners=[OWNER],
        kinds={kind},
        metadata=table_metadata(
            ".".join(key.path),
            [Column("address", "text", "Address of the client")],
            deps[0] if deps else None,
        ),
    )
