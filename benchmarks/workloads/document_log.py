"""Changes of a MongoDB collection brought over from its server's log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks.data import COLLECTION, change_products, fill_products
from benchmarks.measure import Figures
from benchmarks.servers import Servers
from benchmarks.workloads.base import OURS, SCHEMA, Contender, Goal, Sizes, Summary, Workload, WrongResult
from benchmarks.workloads.documents import copy_documents


class DocumentLog(Workload):
    name = "mongodb-log"
    title = (
        "{document_events:,} events of MongoDB's log into {documents:,} documents: 60% updates, 30% inserts,"
        " 10% deletes"
    )

    def __init__(self, servers: Servers, sizes: Sizes) -> None:
        super().__init__(servers, sizes)
        self._events = 0
        self.goals = (Goal("25,000 events/s, which is 40 µs an event", 40, "µs", self._microseconds),)

    def contenders(self) -> Sequence[Contender]:
        return (copy_documents("log"),)

    def prepare(self) -> None:
        fill_products(self.servers, self.sizes.documents)

    def enter(self, contender: Contender, run: Callable[[Contender], Figures]) -> None:
        self.servers.fresh_target(contender.database)
        self.servers.query(contender.database, f"CREATE SCHEMA {SCHEMA}")
        run(contender)

    def begin_round(self, number: int) -> None:
        self._events = change_products(self.servers, self.sizes.documents, number - 1)

    def check(self, contender: Contender) -> int | None:
        total = {"_id": None, "products": {"$sum": 1}, "width": {"$sum": "$dimensions.width"}}
        with self.servers.catalog() as database:
            (expected,) = database[COLLECTION].aggregate([{"$group": total}])
        (found,) = self.servers.query(
            contender.database,
            "SELECT count(*), sum((document #> '{dimensions,width}')::bigint)"
            f" FROM {SCHEMA}.{COLLECTION} WHERE NOT _deleted",
        )
        if found != (expected["products"], expected["width"]):
            raise WrongResult(f"products and their widths are {found}, in the source {expected}")
        return None

    def _microseconds(self, found: Mapping[str, Summary]) -> float | None:
        return found[OURS].seconds / self._events * 1e6 if OURS in found and self._events else None
