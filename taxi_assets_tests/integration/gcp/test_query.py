"""`taxi sql --bigquery` on the emulator: rows with their types, and nothing that writes."""

from __future__ import annotations

import json

import pytest

from taxi_assets.cli.program import main
from taxi_assets_tests.support.gcp_fixtures import GcpPlace


def test_bigquery_is_asked_for_rows_and_for_nothing_else(
    gcp: GcpPlace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    to = gcp.connection
    for name, value in {
        "TAXI_TARGET": "gcp",
        "GCP_PROJECT_ID": to.project,
        "GCP_LOCATION": to.location,
        "GCP_BUCKET_NAME": to.bucket,
        "GCP_DATASET": to.dataset,
        "STORAGE_EMULATOR_HOST": str(to.storage_emulator),
        "BIGQUERY_EMULATOR_HOST": str(to.bigquery_emulator),
    }.items():
        monkeypatch.setenv(name, value)
    gcp.rows("CREATE TABLE `{d}.rides` AS SELECT 1 AS id, 2.5 AS fare UNION ALL SELECT 2, NULL")

    # In target gcp the warehouse is BigQuery, and names alone are those of its dataset.
    for words in (["--bigquery"], []):
        assert main(["sql", "select id, fare from rides order by id", "--json", *words]) == 0
        assert json.loads(capsys.readouterr().out) == [{"id": 1, "fare": 2.5}, {"id": 2, "fare": None}]

    for query in ("delete from rides where true", "create table mine as select 1 as id", "drop table rides"):
        assert main(["sql", query, "--bigquery"]) == 1
        assert "this command only reads" in capsys.readouterr().err
    assert main(["sql", "select nothing from rides", "--bigquery"]) == 1
    assert "Traceback" not in capsys.readouterr().err
    assert gcp.tables() == {"rides"}
    assert gcp.rows("SELECT count(*) FROM `{d}.rides`") == [(2,)]
