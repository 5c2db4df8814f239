"""What `make run` says at its end of a run that failed."""

import io
import logging
from collections.abc import Iterator

import dagster as dg

from softcart_assets.progress import ProgressHandler
from stack.run import failures, not_run

DIMENSION, FACT = dg.AssetKey(["star", "dim_customer"]), dg.AssetKey(["star", "fact_sales"])


@dg.asset(key=["raw", "customers"], group_name="raw")
def customers() -> None: ...


@dg.multi_asset(
    name="dbt",
    can_subset=True,
    specs=[
        dg.AssetSpec(["star", "dim_customer"], deps=[customers], group_name="star", skippable=True),
        dg.AssetSpec(
            ["star", "fact_sales"], deps=[["star", "dim_customer"]], group_name="star", skippable=True
        ),
    ],
    check_specs=[
        dg.AssetCheckSpec("customers_are_current", asset=DIMENSION, blocking=True),
        dg.AssetCheckSpec("names_are_known", asset=DIMENSION),
    ],
)
def star() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    yield dg.MaterializeResult(asset_key=DIMENSION)
    yield dg.AssetCheckResult(
        passed=False,
        check_name="customers_are_current",
        asset_key=DIMENSION,
        description="2 rows:\nmember 7",
    )
    yield dg.AssetCheckResult(
        passed=False, check_name="names_are_known", asset_key=DIMENSION, severity=dg.AssetCheckSeverity.WARN
    )


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["production", f"report_{number}"], deps=[["star", "fact_sales"]], group_name="production"
        )
        for number in range(4)
    ]
)
def production():
    pass


@dg.asset(key=["exports", "report"], deps=[["production", "report_1"]], group_name="exports")
def export() -> None: ...


@dg.asset(key=["landing", "file"], group_name="landing")
def broken() -> None:
    raise dg.Failure("no such file:\n  sales.csv")


def execute(*assets: dg.AssetsDefinition) -> tuple[list[str], list[str]]:
    """The lines at the end of a run of these assets, and those while it runs."""
    stream = io.StringIO()

    @dg.logger
    def lines(_context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("lines", level=logging.DEBUG)
        logger.addHandler(ProgressHandler(stream))
        return logger

    job = dg.define_asset_job("everything", executor_def=dg.in_process_executor)
    definitions = dg.Definitions(assets=assets, jobs=[job], loggers={"lines": lines})
    result = definitions.resolve_job_def("everything").execute_in_process(
        run_config={"loggers": {"lines": {}}}, raise_on_error=False
    )
    left_out = not_run(definitions, definitions.resolve_job_def("everything"), result.all_events)
    return [*failures(result), left_out], stream.getvalue().splitlines()


def test_a_failed_check_says_what_it_found_and_what_was_not_run_for_it() -> None:
    at_the_end, meanwhile = execute(customers, star, production, export)
    assert at_the_end == [
        "star/dim_customer customers_are_current: 2 rows: member 7",
        "star/fact_sales, 4 of production, exports/report",
    ]
    assert [line for line in meanwhile if "rows" not in line or "FAILED" in line] == [
        "  FAILED: star/dim_customer customers_are_current: 2 rows: member 7",
        "  warning: star/dim_customer names_are_known: see its metadata",
        "  not run: production",
        "  not run: exports__report",
    ]


def test_a_failed_step_says_why_in_one_line() -> None:
    at_the_end, _meanwhile = execute(customers, broken)
    assert at_the_end == ["landing__file: no such file: sales.csv", ""]


def test_nothing_failed_where_all_was_run() -> None:
    assert execute(customers)[0] == [""]
