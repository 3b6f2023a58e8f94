"""What the Dockerfile promises, read from the file."""

from __future__ import annotations

import re

from taxi_assets.settings import PROJECT_ROOT

DOCKERFILE = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
CODE = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", DOCKERFILE))


def stage(name: str) -> str:
    found = re.search(rf"(?ms)^FROM \S+ AS {name}$(.*?)(?=^FROM|\Z)", CODE)
    assert found, name
    return found[1]


def test_every_package_comes_from_a_lock_by_its_hash() -> None:
    installs = re.findall(r"pip install [^&\n]*", CODE)
    assert installs
    for install in installs:
        assert "--require-hashes" in install, install
        assert re.search(r"-r requirements[a-z-]*\.lock", install), install


def test_the_last_stage_is_the_runtime_and_builds_nothing() -> None:
    assert re.findall(r"^FROM \S+ AS (\w+)$", CODE, re.MULTILINE)[-1] == "runtime", "a build without a target makes it"
    assert not re.search(r"pip|apt|gcc|\buv\b", stage("runtime"))


def test_both_images_run_as_a_user_without_rights() -> None:
    assert re.findall(r"(?m)^USER (\w+)$", stage("runtime")) == ["taxi"]
    assert re.findall(r"(?m)^USER (\w+)$", stage("emulators")) == ["emulators"]
    assert "--uid 10001" in stage("runtime")
    assert "--uid 10001" in stage("emulators")


def test_the_image_can_be_checked_without_a_compose_file() -> None:
    assert 'HEALTHCHECK --interval=30s --timeout=10s --start-period=120s CMD ["python"' in stage("runtime")


def test_only_what_the_dockerfile_copies_is_sent_to_the_builder() -> None:
    sent = {
        line[1:]
        for line in (PROJECT_ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    copied = {source for words in re.findall(r"(?m)^COPY (?!--from)(.*)$", CODE) for source in words.split()[:-1]}
    assert sent == copied
