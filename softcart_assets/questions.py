"""Whether an index serves what people ask of the catalog in MongoDB, by the server's own plan."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from softcart_assets.failures import failure
from sync.errors import SyncError

CHECK = "questions_are_served_by_an_index"
ELECTRONICS = dg.AssetKey(["catalog", "electronics"])
COLLECTION = "electronics"
# How many laptops are there, how many phones of six inches, and how large are they on average?
QUESTIONS: dict[str, dict[str, Any]] = {
    "documents of a type": {"count": COLLECTION, "query": {"type": "laptop"}},
    "documents of a type and screen size": {
        "count": COLLECTION,
        "query": {"type": "smart phone", "screen size": 6},
    },
    "average screen size of a type": {
        "aggregate": COLLECTION,
        "pipeline": [
            {"$match": {"type": "smart phone"}},
            {"$group": {"_id": "$type", "average": {"$avg": "$screen size"}}},
        ],
        "cursor": {},
    },
}


def catalog_index_check() -> dg.AssetChecksDefinition:
    """Warns where a question reads the whole collection."""

    @dg.asset_check(
        asset=ELECTRONICS,
        name=CHECK,
        description="An index answers the catalog's questions by type, instead of reading every document.",
        required_resource_keys={"mongodb"},
    )
    def questions_are_served_by_an_index(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from sync.connections.mongodb import connect_mongodb, mongodb_errors  # noqa: PLC0415

        try:
            with (
                connect_mongodb(context.resources.mongodb.url) as client,
                mongodb_errors("the catalog's questions"),
            ):
                database = client["catalog"]
                plans = {
                    question: sorted(
                        set(stages(database.command("explain", command, verbosity="queryPlanner")))
                    )
                    for question, command in QUESTIONS.items()
                }
        except SyncError as error:
            raise failure([error]) from error
        scanned = [question for question, plan in plans.items() if "COLLSCAN" in plan]
        return dg.AssetCheckResult(
            passed=not scanned,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"the whole collection is read for: {', '.join(scanned)}. Index its type"
            if scanned
            else None,
            metadata={question: ", ".join(plan) for question, plan in plans.items()},
        )

    return questions_are_served_by_an_index


def stages(plan: Any) -> Iterator[str]:
    """The stages of the winning plans in what `explain` has answered, wherever the server's version puts
    them."""
    if isinstance(plan, Mapping):
        for name, inner in plan.items():
            if name == "stage" and isinstance(inner, str):
                yield inner
            elif name != "rejectedPlans":
                yield from stages(inner)
    elif isinstance(plan, Sequence) and not isinstance(plan, str | bytes):
        for inner in plan:
            yield from stages(inner)
