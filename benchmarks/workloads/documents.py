"""A MongoDB collection into PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.data import COLLECTION, fill_products
from benchmarks.workloads.base import OURS, SCHEMA, Contender, Goal, Workload, WrongResult, ratio


def copy_documents(strategy: str) -> Contender:
    """Ours, into a database by the strategy's name."""
    script = (
        f'exec "$PYTHON" -m sync copy env:MONGO_URL catalog.{COLLECTION} --to env:TARGET_URL'
        f" --schema {SCHEMA} --strategy {strategy} --json"
    )
    return Contender(OURS, script, f"bench_documents_{strategy}")


class Documents(Workload):
    name = "mongodb"
    title = "MongoDB, first load of {documents:,} documents"
    goals = (Goal("not slower than ingestr", 1, "x", ratio(OURS)),)

    def contenders(self) -> Sequence[Contender]:
        ingestr = (
            'exec "$PEERS/ingestr/bin/ingestr" ingest --yes --progress log --source-uri "$MONGO_URL"'
            f' --source-table catalog.{COLLECTION} --dest-uri "$TARGET_URL"'
            f" --dest-table {SCHEMA}.{COLLECTION}"
        )
        return Contender("ingestr", ingestr, "bench_ingestr", peer="ingestr"), copy_documents("full")

    def prepare(self) -> None:
        fill_products(self.servers, self.sizes.documents)

    def reset(self, contender: Contender) -> None:
        self.servers.fresh_target(contender.database)
        self.servers.query(contender.database, f"CREATE SCHEMA {SCHEMA}")

    def check(self, contender: Contender) -> int:
        ((rows,),) = self.servers.query(contender.database, f"SELECT count(*) FROM {SCHEMA}.{COLLECTION}")
        if rows != self.sizes.documents:
            raise WrongResult(f"{rows} documents arrived of {self.sizes.documents}")
        return int(rows)
