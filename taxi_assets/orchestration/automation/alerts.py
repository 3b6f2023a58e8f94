"""Alerts: one message for each failed run, and once a day one about the months that are left failed.

Belongs here: what is said, to whom, and how often. Not here: what is tried again first (dagster.yaml).

A message goes to the log always, and to ``TAXI_ALERT_WEBHOOK`` when that is set, as ``{"text": …}``, which Slack,
Mattermost and others take. A webhook that does not answer is noted in the log and costs nothing else: a sensor that
failed over it would send the same alerts again and again.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
from pydantic import Field

from taxi_assets.datasets.registry import DATASETS
from taxi_assets.orchestration import names
from taxi_assets.orchestration.automation.outages import will_be_made_up
from taxi_assets.orchestration.dagster_internals.runs import WILL_RETRY_TAG
from taxi_assets.orchestration.instance.in_words import months_of_run
from taxi_assets.orchestration.layers import LAYERS
from taxi_assets.orchestration.partitions import TIMEZONE, months_of
from taxi_assets.orchestration.records import failure_reason, reasons_by_month, what_broke, why_it_failed
from taxi_assets.orchestration.resources.resource import Resource
from taxi_assets.text import chat_quote

logger = logging.getLogger(__name__)

LONGEST_ERROR = 1500
"""Characters of an error's text; Slack cuts messages at some thousand."""

SECONDS = 10.0
"""Until a webhook is given up; a sensor's tick has 60."""

MONTHS_NAMED = 12
"""Most failed months that a message names of one asset."""

LONGEST_LINE = 200
"""Characters of a reason in the summary; the month's page has the whole."""


class Alerts(Resource):
    """Where alerts go: to the log always, and to a chat where there is one."""

    # Given as an EnvVar, so that the UI shows the variable's name and not the address, which is a secret.
    webhook: str | None = Field(
        repr=False, description="The chat's address, by the variable TAXI_ALERT_WEBHOOK; empty: the log only."
    )
    ui_url: str = Field(description="The address of this UI, for links in messages: TAXI_UI_URL.")

    def send(self, text: str) -> bool:
        """Logs the message and posts it; True when it was posted. Never raises over the webhook."""
        logger.warning("%s", text)
        if not self.webhook:
            return False
        import requests

        try:
            answer = requests.post(self.webhook, json={"text": text}, timeout=SECONDS)
            answer.raise_for_status()
        except requests.RequestException as error:
            # Without its text: it quotes the URL, which is a secret.
            status = error.response.status_code if error.response is not None else type(error).__name__
            logger.error("the alert above was not delivered to TAXI_ALERT_WEBHOOK: %s", status)  # noqa: TRY400
            return False
        return True

    def run_link(self, run_id: str) -> str:
        """The run's page."""
        return f"{self.ui_url.rstrip('/')}/runs/{run_id}"

    def month_link(self, asset: str, month: str) -> str:
        """The page of an asset's month, which says why it failed."""
        return f"{self.ui_url.rstrip('/')}/assets/{asset}?view=partitions&partition={month}"


@dataclass(frozen=True)
class FailedStep:
    """A step that failed and what it said.

    Attributes:
        name: Of its asset, or of the step where that is none.
        error: All that it said.
        months: For each month that failed its reason; empty where the step does not tell.
    """

    name: str
    error: str
    months: Mapping[str, str] = field(default_factory=dict[str, str])


def failure_text(run: dg.DagsterRun, steps: Sequence[FailedStep], message: str, alerts: Alerts) -> str:
    """What is said about a failed run: which months, in which layer, why, what of the others, what to do, and where."""
    failed = sorted({month for step in steps for month in step.months})
    what, asked_for = run.tags.get(names.DATASET, run.job_name), months_of_run(run.tags)
    lines = [f"Failed: {what} {_listed(failed) or asked_for}".rstrip()]
    for step in steps:
        # Quoted: it may hold what others published, or what a server said.
        told = [f"{month}: {why}" for month, why in step.months.items()][:MONTHS_NAMED]
        lines.append(f"{step.name}:\n{_quoted(chr(10).join(told) if told else step.error)}")
        lines += [alerts.month_link(step.name, month) for month in list(step.months)[:MONTHS_NAMED]]
    if not steps:
        lines.append(_quoted(message))
    if failed and failed != [asked_for]:
        others = "are done, and go on by themselves" if _went_on(run) else "are not done either"
        lines.append(f"The other months of {asked_for} {others}.")
    return "\n".join([*lines, _what_next(run), alerts.run_link(run.run_id)])


def _went_on(run: dg.DagsterRun) -> bool:
    return any(names.partly_failed(layer) in run.tags for layer in LAYERS)


def _what_next(run: dg.DagsterRun) -> str:
    if run.tags.get(names.FAILURE) == "passing":
        return "It may pass by itself: the sensor after_outages asks for it again."
    return "Nothing tries it again by itself: do as the reason says, then materialize the month on its page."


def _listed(months: Sequence[str]) -> str:
    more = f" and {len(months) - MONTHS_NAMED} more" if len(months) > MONTHS_NAMED else ""
    return ", ".join(months[:MONTHS_NAMED]) + more


def _quoted(text: str) -> str:
    text = text.strip()
    shortened = text if len(text) <= LONGEST_ERROR else f"{text[:LONGEST_ERROR]} … (the rest is in the run's log)"
    return chat_quote(shortened)


def _failed_steps(context: dg.RunFailureSensorContext) -> list[FailedStep]:
    """The steps that failed themselves; those that were skipped after them have nothing to say."""
    return [
        FailedStep((event.step_key or "").replace("__", "/"), failure_reason(event), reasons_by_month(event))
        for event in context.get_step_failure_events()
    ]


@dg.run_failure_sensor(
    name="alert_on_failure",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    monitor_all_code_locations=False,
    description="Says which run failed, for which months and why: in the log, and at TAXI_ALERT_WEBHOOK when that is "
    "set. Says nothing of a run that is going to be tried again.",
)
def alert_on_failure(context: dg.RunFailureSensorContext, alerts: Alerts) -> None:
    """One alert a failure: of a run and its retries, the last one speaks."""
    run = context.instance.get_run_by_id(context.dagster_run.run_id) or context.dagster_run
    if run.tags.get(WILL_RETRY_TAG) == "true":
        logger.info("run %s failed and is tried again; no alert yet", run.run_id)
        return
    if will_be_made_up(run):
        logger.info("run %s failed in passing, as the one before, which was told of; no alert again", run.run_id)
        return
    message = what_broke(context.instance, run.run_id) or context.failure_event.message or ""
    alerts.send(failure_text(run, _failed_steps(context), message, alerts))


def failed_months(instance: dg.DagsterInstance) -> dict[str, list[str]]:
    """For each asset the months whose last try failed, as the UI shows them."""
    found: dict[str, list[str]] = {}
    for dataset in DATASETS.values():
        months = months_of(dataset)
        for key in instance.get_asset_keys():
            if key.path[-1] != dataset.table:
                continue
            statuses = instance.get_status_by_partition(key, months.get_partition_keys(), months) or {}
            failed = [month for month, status in statuses.items() if status is dg.AssetPartitionStatus.FAILED]
            if failed:
                found[key.to_user_string()] = failed
    return found


def summary_text(failed: Mapping[str, Mapping[str, str]], alerts: Alerts) -> str:
    """What the day's summary says, a line a month; empty when nothing is left failed.

    Args:
        failed: For each asset its failed months, each with its reason, which may be empty.
        alerts: For the links.
    """
    if not failed:
        return ""
    lines = ["Months left failed:"]
    for asset, months in sorted(failed.items()):
        for month, why in list(months.items())[:MONTHS_NAMED]:
            lines.append(f"{asset} {month}: {_one_line(why)} {alerts.month_link(asset, month)}")
        if len(months) > MONTHS_NAMED:
            lines.append(f"{asset}: and {len(months) - MONTHS_NAMED} more")
    return "\n".join([*lines, "To try one again: its page, Materialize."])


def _one_line(why: str) -> str:
    """A reason as far as it fits beside others; quoted as the long ones are."""
    flat = " ".join(why.split()) or "its page says why"
    shortened = flat if len(flat) <= LONGEST_LINE else f"{flat[:LONGEST_LINE]} …"
    return chat_quote(shortened).replace("```", "`").replace("\n", "")


@dg.op
def summarise_failures(context: dg.OpExecutionContext, alerts: Alerts) -> None:
    """Sends the summary, or nothing when nothing is left failed."""
    failed = failed_months(context.instance)
    reasons = {
        asset: {month: why_it_failed(context.instance, dg.AssetKey.from_user_string(asset), month) for month in months}
        for asset, months in failed.items()
    }
    text = summary_text(reasons, alerts)
    if text:
        alerts.send(text)
    context.log.info(text or "No month is left failed.")


@dg.job(description="Says which months are left failed, in the log and at TAXI_ALERT_WEBHOOK.")
def report_failed_months() -> None:
    """What the schedule of the same name runs every morning."""
    summarise_failures()


daily_summary = dg.ScheduleDefinition(
    name="report_failed_months_daily",
    job=report_failed_months,
    cron_schedule="0 8 * * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every day at 8:00 in New York.",
)
"""On by default: it reads Dagster's own records and sends at most one message a day."""
