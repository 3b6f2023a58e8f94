"""Rot in the raw folder is found by whoever reads it, and healed by the next fetch."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from taxi_assets.data_dir import DataDir
from taxi_assets.errors import BrokenFileError, FileChangedError
from taxi_assets.steps.clean.clean import clean_month
from taxi_assets.steps.files.raw_file import RawFile, manifest_path, read_raw
from taxi_assets.steps.raw.as_fetched import as_fetched
from taxi_assets.steps.raw.fetch import FetchedMonth, fetch_month
from taxi_assets_tests.support.damage import flip_a_bit
from taxi_assets_tests.support.published_files import MONTH
from taxi_assets_tests.support.raw_months import rows

Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path)


def fetched(data_dir: DataDir) -> FetchedMonth:
    return fetch_month(MONTH, "sample", data_dir, sample_rows=2_000)


def edit(data_dir: DataDir, change: Edit, *, checksum: bool) -> None:
    """Changes a manifest; without its checksum it is one of an earlier version."""
    manifest = manifest_path(data_dir.raw_dir("yellow"), MONTH.stem)
    content: dict[str, Any] = json.loads(manifest.read_text())
    change(content)
    if not checksum:
        del content["manifest_sha256"]
    manifest.write_text(json.dumps(content))


@pytest.mark.parametrize("seed", range(8))
def test_a_flipped_bit_is_found_by_cleaning_and_healed_by_the_next_run(data_dir: DataDir, seed: int) -> None:
    raw = fetched(data_dir).raw
    sound = rows(clean_month(raw, DataDir(data_dir.root / "sound")).path)
    flip_a_bit(raw.path, random.Random(seed))

    with pytest.raises(BrokenFileError, match=r"it is not what was fetched \(SHA-256.*fetches the file anew"):
        clean_month(raw, data_dir)

    assert not data_dir.clean(MONTH).exists()
    assert read_raw(MONTH, data_dir) is None
    assert not fetched(data_dir).unchanged
    healed = read_raw(MONTH, data_dir)
    assert healed is not None
    assert rows(clean_month(healed, data_dir).path) == sound


def test_a_flipped_bit_is_found_and_healed_by_fetching(data_dir: DataDir) -> None:
    raw = fetched(data_dir).raw
    assert fetched(data_dir).unchanged
    whole = raw.path.read_bytes()
    flip_a_bit(raw.path, random.Random(1))
    assert not fetched(data_dir).unchanged
    assert raw.path.read_bytes() == whole
    assert fetched(data_dir).unchanged


@pytest.mark.parametrize("checksum", [True, False], ids=["of today", "of an earlier version"])
@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(published_rows=1_990),
        lambda content: content.update(published_rows=None),
        lambda content: content.update(sha256="0" * 64),
        lambda content: content.update(sha256=None),
        lambda content: content.pop("sha256"),
    ],
    ids=["rows", "no rows", "zeros", "null", "none"],
)
def test_an_edited_manifest_is_found_and_healed(data_dir: DataDir, change: Edit, checksum: bool) -> None:
    raw = fetched(data_dir).raw
    edit(data_dir, change, checksum=checksum)

    with pytest.raises(BrokenFileError, match=r"materialize (its|the) raw asset"):
        clean_month(read_raw(MONTH, data_dir) or raw, data_dir)

    assert fetched(data_dir).raw.sha256 == raw.sha256
    healed = read_raw(MONTH, data_dir)
    assert healed is not None
    assert clean_month(healed, data_dir).published_rows == 2_000


def test_any_edit_of_a_manifest_is_seen(data_dir: DataDir) -> None:
    fetched(data_dir)
    edit(data_dir, lambda content: content.update(utf8=False), checksum=True)
    with pytest.raises(BrokenFileError, match="it was edited, or a disk changed it"):
        read_raw(MONTH, data_dir)


def test_a_manifest_of_an_earlier_version_is_good(data_dir: DataDir) -> None:
    raw = fetched(data_dir).raw
    edit(data_dir, lambda _: None, checksum=False)
    assert read_raw(MONTH, data_dir) == raw
    assert fetched(data_dir).unchanged


def test_a_file_that_another_run_replaces_while_it_is_read_is_read_again(data_dir: DataDir) -> None:
    raw = fetched(data_dir).raw
    with pytest.raises(FileChangedError), as_fetched(raw):
        fetch_month(MONTH, "sample", data_dir, sample_rows=2_001)
    newer = read_raw(MONTH, data_dir)
    assert newer is not None
    assert newer.published_rows == 2_001


def test_a_file_that_was_replaced_since_its_manifest_was_read_keeps_its_own(data_dir: DataDir) -> None:
    raw = fetched(data_dir).raw
    newer: RawFile = fetch_month(MONTH, "sample", data_dir, sample_rows=2_001).raw
    with pytest.raises(FileChangedError):
        clean_month(raw, data_dir)
    assert read_raw(MONTH, data_dir) == newer
