"""What must agree for the project to be found, cited and installed again in years to come."""
import json
import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
PIN = re.compile(r"(\S+)==(\S+)( ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


def unlocked(requirements: str, lock: str) -> list[str]:
    """Complaints about a lock: foreign lines, pins without a hash, requirements not met."""
    complaints, versions, lines = [], {}, lock.splitlines()
    for line, after in zip(lines, lines[1:] + [""]):
        if pin := PIN.fullmatch(line):
            versions.setdefault(canonicalize_name(pin[1]), []).append(pin[2])
            if not HASH.fullmatch(after):
                complaints.append(f"{pin[1]} has no hash")
        elif not HASH.fullmatch(line):
            complaints.append(f"neither a pin nor a hash: {line}")
    texts = [line.partition("#")[0].strip() for line in requirements.splitlines()]
    for wanted in [Requirement(text) for text in texts if text and not text.startswith("-e")]:
        held = versions.get(canonicalize_name(wanted.name), [])
        if not held or not all(version in wanted.specifier for version in held):
            complaints.append(f"{wanted} is locked as {held or 'nothing'}; run `make lock`")
    return complaints


def test_lock_meets_every_requirement():
    """Someone raises a pin and forgets `make lock`: the next push would test other packages."""
    assert unlocked((ROOT / "requirements.txt").read_text(encoding="utf-8"),
                    (ROOT / "requirements.lock").read_text(encoding="utf-8")) == []


def test_faults_of_a_lock_are_seen():
    pinned = "numpy==2.0 \\\n    --hash=sha256:" + 64 * "0" + "\n"
    assert unlocked("numpy==2.0  # digits\n-e .\n", pinned) == []
    assert unlocked("numpy==2.1\n", pinned) == [
        "numpy==2.1 is locked as ['2.0']; run `make lock`"]
    assert unlocked("scipy\n", pinned) == ["scipy is locked as nothing; run `make lock`"]
    assert unlocked("numpy\n", "numpy==2.0 \\\n") == ["numpy has no hash"]
    assert unlocked("numpy\n", "--index-url https://example.org\n" + pinned) == [
        "neither a pin nor a hash: --index-url https://example.org"]


def test_archive_agrees_with_citation():
    """The record of an archive is read by machines that nobody watches."""
    record = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert record["version"] == CITATION["version"] == project["version"]
    assert record["license"] == project["license"] == CITATION["license"][0]
    assert record["title"] == CITATION["title"]
    assert record["description"] == CITATION["abstract"].strip()
    assert record["keywords"] == CITATION["keywords"]
    assert record["creators"] == [{"name": author["name"]} for author in CITATION["authors"]]
    assert [paper["identifier"] for paper in record["related_identifiers"]] == [
        paper["identifiers"][0]["value"] for paper in CITATION["references"]]
