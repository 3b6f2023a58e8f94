"""A wheel is a whole product: installed into an empty environment, used in a folder that is no checkout."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from taxi_assets.embedded_postgres.server import EmbeddedPostgres
from taxi_assets.settings import PROJECT_ROOT
from taxi_assets_tests.support.commands import BIN, clean_environment
from taxi_assets_tests.support.dagster_processes import wait_until

pytestmark = pytest.mark.timeout(1200)


@dataclass(frozen=True)
class Product:
    """An environment with the wheel in it, a person's home, and a folder to stand in."""

    python: Path
    packages: Path
    home: Path
    folder: Path
    environment: dict[str, str]

    @property
    def made(self) -> Path:
        """Where what the commands make has to be."""
        if sys.platform == "darwin":
            return self.home / "Library" / "Application Support" / "taxi_assets"
        return self.home / ".local" / "share" / "taxi_assets"

    def run(self, *words: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.python), *words], cwd=self.folder, env={**self.environment, **variables}, input=stdin,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def command(self, *words: str, stdin: str = "") -> str:
        """Runs a command that has to end well; returns what it prints."""
        ended = self.run("-m", "taxi_assets", *words, stdin=stdin)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    @contextmanager
    def running(self, *words: str, port: int) -> Iterator[str]:
        """Runs a command that stays until the UI on the port answers; ends it with Ctrl-C."""
        with (self.home.parent / "ui.log").open("w") as log:
            process = subprocess.Popen(
                [str(self.python), *words], cwd=self.folder, env={**self.environment, "TAXI_UI_PORT": str(port)},
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The wheel of this checkout, installed with what the lock says."""
    root = tmp_path_factory.mktemp("wheel")
    uv = shutil.which("uv") or str(BIN / "uv")
    python = root / "venv" / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(root)]
    subprocess.run(build, cwd=PROJECT_ROOT, check=True)
    [wheel] = root.glob("*.whl")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(root / "venv")], check=True)
    subprocess.run([*install, "--require-hashes", "-r", "requirements.lock"], cwd=PROJECT_ROOT, check=True)
    subprocess.run([*install, "--no-deps", str(wheel)], check=True)
    home, folder = root / "Zoë's home", root / "elsewhere"
    home.mkdir()
    folder.mkdir()
    [packages] = (root / "venv" / "lib").glob("python*/site-packages")
    ours = {"TAXI_DATA_DIR", "DAGSTER_HOME", "PYTHONPATH", "VIRTUAL_ENV", "XDG_DATA_HOME"}
    environment = {key: value for key, value in clean_environment(root / "unused").items() if key not in ours}
    environment |= {
        "HOME": str(home),
        "TAXI_SAMPLE_ROWS": "500",
        "TAXI_SOURCE": "sample",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    made = Product(python, packages, home, folder, environment)
    yield made
    EmbeddedPostgres(made.made / "data" / "postgres").remove()


def written(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every file below a folder, and when it was last written."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in files}


def test_an_installed_wheel_does_what_a_checkout_does_and_writes_nothing_beside_itself(product: Product) -> None:
    before = written(product.packages)

    demo = product.command("demo")
    assert f"The files are in {product.made / 'data'}, Dagster's records in {product.made / '.dagster'}." in demo
    assert f"`{product.python} -m taxi_assets dev`" in demo, "there is no make"
    product.command("load", "yellow", "2019-04")
    assert "Backfill " in product.command("backfill", "green", "--from", "2019-04", "--to", "2019-05")
    assert str(product.made / ".dagster") in product.command("status")
    # The console script, which says of itself how commands are typed.
    taxi = subprocess.run(
        [str(product.python.with_name("taxi")), "status"], cwd=product.folder, env=product.environment,
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert f"The files are in {product.made / 'data'}, Dagster's records in {product.made / '.dagster'}." in taxi
    assert f"{product.python.with_name('taxi')} psql" in taxi
    counted = product.command("psql", stdin="select count(distinct file_month) from yellow_tripdata;\n")
    assert "4" in counted.split()

    loaded = "import taxi_assets; print(len(taxi_assets.load_trips('yellow', '2019-04')))"
    assert product.run("-c", loaded).stdout.strip().isdecimal()
    missing = product.run("-c", loaded.replace("2019-04", "2019-05"))
    assert missing.stderr.rstrip().endswith(f"make it with: {product.python} -m taxi_assets load yellow 2019-05")

    assert "is stopped" in product.command("stop")
    assert "is removed" in product.command("remove")
    assert not (product.made / "data" / "postgres").exists()
    assert written(product.packages) == before
    assert not list(product.folder.iterdir()), "nor in the folder that one stands in"


@pytest.mark.parametrize("words", [["taxi_assets", "dev"], ["dagster", "dev", "-m", "taxi_assets.definitions"]])
def test_the_ui_opens_with_the_code_location_of_the_wheel(product: Product, words: list[str]) -> None:
    before = written(product.packages)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["-p", str(port)] if words[0] == "dagster" else []
    query = "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } } }"

    with product.running("-m", *words, *options, port=port) as url:

        def loaded() -> bool:
            try:
                answer = requests.post(f"{url}/graphql", json={"query": query}, timeout=10).json()
            except requests.ConnectionError:
                return False
            entries = answer["data"]["workspaceOrError"]["locationEntries"]
            return [entry["loadStatus"] for entry in entries] == ["LOADED"]

        wait_until(loaded, "the UI with its code location", seconds=300)
        guarded = requests.get(f"{url}/graphql", params={"query": query}, timeout=10).status_code
        assert guarded == (405 if words == ["taxi_assets", "dev"] else 200), "`make dev` has the guard"
    assert written(product.packages) == before


def test_emulators_say_what_is_missing(product: Product) -> None:
    ended = product.run("-m", "taxi_assets", "emulators", sys.executable, "-c", "")
    assert ended.returncode == 1
    assert "the emulators are not installed; run: make emulators in a checkout of the project" in ended.stderr
    assert "Traceback" not in ended.stderr
