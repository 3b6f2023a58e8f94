"""Everything that asks for runs by itself, put together for the code location.

Belongs here: the list of jobs, sensors and schedules. Not here: what they do.
"""

from __future__ import annotations

from typing import Any

from dagster import EnvVar

from taxi_assets.datasets.registry import DATASETS
from taxi_assets.orchestration.automation.alerts import Alerts, alert_on_failure, daily_summary, report_failed_months
from taxi_assets.orchestration.automation.conditions import follow_upstream_sensor
from taxi_assets.orchestration.automation.jobs import BUILD_MARTS, LOAD_JOBS, LOAD_ZONES, MAKE_REPORT, load_everything
from taxi_assets.orchestration.automation.landing import landing_sensor
from taxi_assets.orchestration.automation.new_months import new_months_sensor
from taxi_assets.orchestration.automation.new_zone_shapes import new_zone_shapes_sensor
from taxi_assets.orchestration.automation.outages import after_outages
from taxi_assets.orchestration.automation.retention import prune_run_history, prune_weekly, purge_raw_files
from taxi_assets.orchestration.automation.schedules import monthly_schedule
from taxi_assets.settings import Settings


def automation(settings: Settings) -> dict[str, Any]:
    """The arguments ``jobs``, ``sensors`` and ``schedules`` of ``Definitions``, in the order in which people look."""
    return {
        "jobs": [
            *LOAD_JOBS.values(),
            LOAD_ZONES,
            BUILD_MARTS,
            MAKE_REPORT,
            load_everything,
            purge_raw_files,
            prune_run_history,
            report_failed_months,
        ],
        "sensors": [
            follow_upstream_sensor(),
            after_outages,
            landing_sensor,
            alert_on_failure,
            new_months_sensor(settings.taxi_probe_minutes),
            new_zone_shapes_sensor(settings.taxi_months_per_run),
        ],
        "schedules": [*(monthly_schedule(dataset) for dataset in DATASETS.values()), daily_summary, prune_weekly],
    }


def alerts_of(settings: Settings) -> Alerts:
    """The resource ``alerts``."""
    return Alerts(
        webhook=EnvVar("TAXI_ALERT_WEBHOOK") if settings.taxi_alert_webhook else None, ui_url=settings.taxi_ui_url
    )
