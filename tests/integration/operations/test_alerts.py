"""Who is told what, on a real mail server and a real webhook."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance

from softcart_assets.build import resources
from softcart_assets.monitoring import alerts, notices
from softcart_assets.monitoring.alerts import alerts_sensor
from softcart_assets.monitoring.notices import addresses
from sync.errors import SyncError
from tests.integration.operations.receivers import Mailbox, mail_server, webhook


@dg.asset(owners=["team:finance"])
def orders(context: dg.AssetExecutionContext) -> None:
    if "fail" in context.run.tags:
        raise dg.Failure(context.run.tags["fail"], allow_retries=False)


@dg.asset
def visits() -> None:
    """Never materialized here."""


@dg.multi_asset_check(
    specs=[dg.AssetCheckSpec(f"check_{number}", asset=orders) for number in range(30)], can_subset=True
)
def many(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    for key in sorted(context.selected_asset_check_keys):
        passed = "fail" not in context.run.tags
        yield dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=passed,
            description=None if passed else key.name,
        )


class Watch:
    """The sensor, tick by tick."""

    def __init__(self, instance: DagsterInstance) -> None:
        self.instance, self.cursor = instance, None
        self.definitions = dg.Definitions(
            assets=[orders, visits],
            asset_checks=[many],
            jobs=[
                dg.define_asset_job(
                    "sync",
                    dg.AssetSelection.assets(orders).without_checks(),
                    executor_def=dg.in_process_executor,
                ),
                dg.define_asset_job(
                    "checks", dg.AssetSelection.checks_for_assets(orders), executor_def=dg.in_process_executor
                ),
            ],
            sensors=[alerts_sensor([])],
            resources={"staging": resources()["staging"]},
        )

    def tick(self) -> None:
        repository = self.definitions.get_repository_def()
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=repository,
            resources=repository.get_top_level_resources(),
        ) as context:
            self.cursor = repository.get_sensor_def("alerts").evaluate_tick(context).cursor

    def run(self, job: str, **tags: str) -> None:
        self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, tags=tags, raise_on_error=False
        )


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    with mail_server() as (box, address):
        monkeypatch.setenv(notices.VARIABLE, address)
        yield box


@pytest.fixture
def watch(platform: dict[str, str], tmp_path: Path, mailbox: Mailbox) -> Iterator[Watch]:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        watch = Watch(instance)
        watch.tick()
        yield watch


def test_a_failed_run_is_told_once_and_once_that_it_is_over(
    watch: Watch, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOFTCART_UI_URL", "http://127.0.0.1:3000")
    for _ in range(3):
        watch.run("sync", fail="the shop is on fire")
        watch.tick()
    ((title, text),) = mailbox.messages
    first = watch.instance.get_run_records(ascending=True)[0].dagster_run
    assert title == "SoftCart: run: orders failed"
    assert "Why: the shop is on fire" in text
    assert "Since: 20" in text
    assert "dagster asset materialize -f definitions.py --select 'orders'" in text
    assert f"http://127.0.0.1:3000/runs/{first.run_id}" in text
    watch.run("sync")
    for _ in range(2):
        watch.tick()
    assert [title for title, _ in mailbox.messages[1:]] == ["SoftCart: over: run: orders failed"]


def test_many_failures_are_one_message(watch: Watch, mailbox: Mailbox) -> None:
    watch.run("checks", fail="yes")
    watch.tick()
    ((title, text),) = mailbox.messages
    assert title == "SoftCart: 30 problems"
    assert text.count("What: ") == notices.NAMED
    assert "and 10 more" in text
    watch.run("checks")
    watch.tick()
    assert [title for title, _ in mailbox.messages[1:]] == ["SoftCart: 30 problems are over"]


def test_what_comes_back_at_once_is_told_when_it_stays(
    watch: Watch, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        watch.run("sync", fail="now and then")
        watch.tick()
        watch.run("sync")
        watch.tick()
    assert len(mailbox.messages) == 2
    watch.run("sync", fail="now and then")
    watch.tick()
    assert len(mailbox.messages) == 2
    monkeypatch.setattr(alerts, "AGAIN_SECONDS", 0.0)
    watch.tick()
    assert len(mailbox.messages) == 3


def test_an_owner_is_told_of_what_is_his(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as (finance, of_finance), webhook() as (other, of_other):
        monkeypatch.setenv(notices.VARIABLE, f"team:finance={of_finance} team:marketing={of_other}")
        watch.run("sync", fail="no money")
        watch.tick()
    assert ["no money" in message["message"] for message in finance] == [True]
    assert other == []


def test_a_message_that_nobody_took_is_sent_again(
    watch: Watch, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setenv(notices.VARIABLE, "json://127.0.0.1:1")
        watch.run("sync", fail="at night")
        watch.tick()
    assert mailbox.messages == []
    watch.tick()
    assert [title for title, _ in mailbox.messages] == ["SoftCart: run: orders failed"]


def test_an_address_that_is_none_is_refused_without_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(notices.VARIABLE, "json://127.0.0.1 carrier://pigeon:secret@loft")
    with pytest.raises(SyncError, match=r"address 2 \(carrier\)") as refused:
        addresses()
    assert "secret" not in str(refused.value)
