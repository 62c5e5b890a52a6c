"""Asks for known weaknesses of every locked package, and takes "nothing could be looked at" for a failure."""

import json
import subprocess
import sys


def main(lock: str) -> int:
    """Exit code 1 for a weakness, 2 when no package, or not every package, could be looked at."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--require-hashes", "--disable-pip"]
    outcome = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(outcome.stdout)["dependencies"]
    except (ValueError, KeyError):
        sys.stderr.write(f"pip-audit gave no answer:\n{outcome.stderr}\n")
        return 2
    skipped = [package for package in packages if "skip_reason" in package]
    weak = [package for package in packages if package.get("vulns")]
    for package in weak:
        for weakness in package["vulns"]:
            mended = ", ".join(weakness["fix_versions"]) or "no version yet"
            sys.stdout.write(f"{package['name']} {package['version']}: {weakness['id']}, mended in {mended}\n")
    for package in skipped[:5]:
        sys.stderr.write(f"not looked at: {package['name']} ({package['skip_reason']})\n")
    sys.stdout.write(
        f"{len(packages) - len(skipped)} of {len(packages)} packages looked at, {len(weak)} with weaknesses\n"
    )
    if packages and len(skipped) == len(packages):
        sys.stderr.write(
            f"Nothing of {lock} could be audited: the package index that answered knows none of its packages, or none"
            " answered. Run it again where pypi.org can be reached.\n"
        )
    elif skipped:
        sys.stderr.write(f"{len(skipped)} of {len(packages)} could not be audited: see above, and run it again.\n")
    if weak:
        return 1
    return 2 if skipped or not packages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
