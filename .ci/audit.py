"""Are there known vulnerabilities in the locks, or secrets in the files that git has? ``make audit``.

Exit code 1: there are. Exit code 0: there are none, or the vulnerability service could not be asked; then it says so in
so many words, because a build should neither depend on somebody else's service nor look audited when it is not.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
LOCKS = sorted(ROOT.glob("requirements*.lock"))

ACCEPTED: dict[str, str] = {}
"""Vulnerabilities that do not reach us, by id, each with the reason and the date to look at it again."""


def vulnerabilities(lock: Path) -> bool:
    """Asks pip-audit about every package of a lock; whether it found something."""
    command = [BIN / "pip-audit", "--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"]
    accepted = [option for id_ in ACCEPTED for option in ("--ignore-vuln", id_)]
    ran = subprocess.run([*command, *accepted, "-r", lock], capture_output=True, text=True, check=False)
    try:
        packages: list[dict[str, Any]] = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (ran.stderr.strip().splitlines() or ["it said nothing"])[-1]
        print(f"NOT AUDITED: {lock.name}: pip-audit could not ask the vulnerability service: {reason[:300]}")
        return False
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if unknown:
        some = ", ".join(unknown[:3])
        print(
            f"NOT AUDITED: {lock.name}: the service does not know {len(unknown)} of {len(packages)} packages: {some} …"
        )
    for package in packages:
        for known in package.get("vulns", []):
            fixed = ", ".join(known["fix_versions"]) or "no version yet"
            print(f"VULNERABLE: {lock.name}: {package['name']} {package['version']}: {known['id']}, fixed in {fixed}")
    found = sum(len(package.get("vulns", [])) for package in packages)
    if len(packages) > len(unknown):
        print(f"{lock.name}: {found} known vulnerabilities in {len(packages) - len(unknown)} packages")
    return found > 0


def secrets() -> bool:
    """Asks detect-secrets about every file that git has; whether it found one that the baseline does not explain."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [name for name in listed.split("\0") if name and not name.endswith(".lock") and (ROOT / name).is_file()]
    command = [BIN / "detect-secrets-hook", "--baseline", ".secrets.baseline"]
    # 3: only the line numbers of explained ones have moved, and the baseline was brought up to date.
    found = subprocess.run([*command, *files], cwd=ROOT, check=False).returncode not in (0, 3)
    print(f"{len(files)} files: " + ("see above; docs/deploy.md says what to do" if found else "no secrets"))
    return found


if __name__ == "__main__":
    results = [*map(vulnerabilities, LOCKS), secrets()]
    sys.exit(any(results))
