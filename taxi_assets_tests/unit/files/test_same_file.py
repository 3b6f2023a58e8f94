"""A file that is held by more than its name."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from taxi_assets.errors import FileChangedError
from taxi_assets.steps.files.same_file import held, pinned, sha256_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "month.parquet"
    path.write_bytes(b"first")
    return path


def replace(path: Path, content: bytes) -> None:
    new = path.with_name("new")
    new.write_bytes(content)
    new.replace(path)


def test_a_file_that_stays_is_no_trouble(file: Path) -> None:
    with held(file, lambda path: path.open("rb")) as holding:
        assert sha256_of(holding.file) == hashlib.sha256(b"first").hexdigest()
        holding.must_be_the_same()


def held_while(path: Path, happens: Callable[[], object], error: Exception | None = None) -> None:
    with held(path, lambda path: path.open("rb")) as holding:
        happens()
        if error is not None:
            raise error
        holding.must_be_the_same()


@pytest.mark.parametrize("happening", ["replaced", "replaced by the same bytes", "removed", "edited in place"])
def test_what_becomes_of_it_meanwhile_is_told(file: Path, happening: str) -> None:
    happens: dict[str, Callable[[], object]] = {
        "replaced": lambda: replace(file, b"later"),
        "replaced by the same bytes": lambda: replace(file, b"first"),
        "removed": file.unlink,
        "edited in place": lambda: os.utime(file, ns=(1, 1)),
    }
    with pytest.raises(FileChangedError, match=r"month\.parquet: another run replaced or removed it"):
        held_while(file, happens[happening])


def test_what_a_mixture_leads_to_is_not_what_is_said(file: Path) -> None:
    with pytest.raises(FileChangedError) as raised:
        held_while(file, lambda: replace(file, b"later"), ValueError("two halves that do not fit"))
    assert isinstance(raised.value.__context__, ValueError)


def test_what_goes_wrong_with_a_file_that_stays_is_said_as_it_is(file: Path) -> None:
    with pytest.raises(ValueError, match="broken"):
        held_while(file, lambda: None, ValueError("broken"))


@pytest.mark.parametrize("links", [True, False], ids=["with hard links", "without"])
def test_a_pin_keeps_what_was_there(file: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:  # as on exFAT; no such file system can be mounted here
        monkeypatch.setattr(os, "link", no_link)
    with pinned(file) as pin:
        replace(file, b"later")
        assert pin.read_bytes() == b"first"
        assert pin.name == file.name
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_is_gone_cannot_be_pinned_and_may_come_back(tmp_path: Path) -> None:
    with pytest.raises(FileChangedError), pinned(tmp_path / "gone"):
        pytest.fail("there is nothing to pin")
    assert not list(tmp_path.iterdir())
