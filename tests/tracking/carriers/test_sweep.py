"""Two hundred thousand answers gone wrong over all adapters (`make sweep`), and a seeded slice of them."""

import random
import re
import subprocess
import sys
from pathlib import Path
from time import process_time

import pytest

from app.tracking.adapter.base import RawAnswer
from app.tracking.carriers.registry import CARRIERS
from tests.tracking.carriers.mutations import STATUSES, mutated, padded, swollen
from tests.tracking.carriers.recordings import recordings
from tests.tracking.carriers.test_contract import check

ROOT = Path(__file__).parents[3]
RECORDED = {name: recordings(name) for name in sorted(CARRIERS)}
EACH = -(-200_000 // len(CARRIERS))


def fuzz(name: str, seed: int, amount: int) -> None:
    """Read `amount` answers gone wrong; `check` raises at the first that is not read as it must be."""
    carrier, dice = CARRIERS[name], random.Random(f"{name} {seed}")
    for number in range(amount):
        one = dice.choice(RECORDED[name])
        status = dice.choice(STATUSES) if dice.random() < 0.2 else one.status
        body, call = mutated(one, dice), one.call(carrier)
        try:
            check(carrier, carrier.read(call, RawAnswer(status, one.headers, body)), call.asks)
        except Exception as error:
            error.add_note(f"{name}, seed {seed}, number {number}: {one.file} as {body[:2000]!r}")
            raise


@pytest.mark.parametrize("name", sorted(CARRIERS))
def test_a_slice_of_answers_gone_wrong(name):
    """Three hundred of each adapter's answers, gone wrong, are read without a crash and without a guess."""
    fuzz(name, seed=1, amount=300)


@pytest.mark.sweep
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", sorted(CARRIERS))
def test_every_answer_gone_wrong(name):
    """Two hundred thousand, shared among the adapters."""
    fuzz(name, seed=2, amount=EACH)


@pytest.mark.parametrize("name", sorted(CARRIERS))
def test_an_unknown_code_is_never_a_milestone(name):
    """With every code of its table replaced by one that nobody knows, an answer holds no milestone."""
    carrier = CARRIERS[name]
    read = 0
    for one in RECORDED[name]:
        body = without_codes(one.body, carrier.codes)
        for reply in one.read(carrier, body):
            read += len(reply.scans)
            milestones = {scan.milestone for scan in reply.scans if scan.code}  # some carriers have events without
            assert milestones <= {None}, one.file
    assert read, "no recording had a scan left to look at"


def without_codes(body: bytes, codes) -> bytes:
    """An answer in which each quoted string or element text that is a code, or a part of one, or begins with one as a
    sentence does, is replaced."""
    parts = {part for code in codes for part in (code, *code.replace("/", ":").split(":")) if part}
    written = "|".join(re.escape(part).replace(r"\ ", r"\s+") for part in sorted(parts, key=len, reverse=True))
    whole = re.compile(rf"""([">])\s*(?:{written})(?:[\s.!]*|[ ,-][^"<]{{0,200}})(["<])""".encode(), re.IGNORECASE)
    return whole.sub(b"\\1zq\xc3\xa9-unheard-of\\2", body)


LARGE = [
    one
    for name in sorted(CARRIERS)
    for one in RECORDED[name]
    if one.file.endswith((".json", ".xml")) and one.status == 200
]


@pytest.mark.sweep
@pytest.mark.parametrize("one", LARGE, ids=[f"{one.carrier}-{one.file}" for one in LARGE])
def test_a_huge_answer_is_read_in_time(one):
    """No answer costs more than 100 ms of CPU for each 100 kB."""
    carrier, body = CARRIERS[one.carrier], swollen(one, 1_500_000)
    assert len(body) > 1_000_000 or body == one.body
    spent = []
    for _ in range(3):
        began = process_time()
        check(carrier, one.read(carrier, body), one.asks)
        spent.append(process_time() - began)
    assert min(spent) <= 0.1 * max(1.0, len(body) / 100_000)


@pytest.mark.sweep
@pytest.mark.parametrize("filler", [{}, [], "", {"a": 1}], ids=str)
@pytest.mark.parametrize("name", sorted({one.carrier for one in LARGE if one.file.endswith(".json")}))
def test_an_answer_of_next_to_nothing_a_hundred_thousand_times_is_read_in_time(name, filler):
    """Empty events cost few bytes each; they cost no more of our time for it."""
    told = [one for one in LARGE if one.carrier == name and one.file.endswith(".json")]
    one = max(told, key=lambda one: len(one.body))
    body, spent = padded(one, filler, 300_000), []
    for _ in range(3):
        began = process_time()
        one.read(CARRIERS[name], body)
        spent.append(process_time() - began)
    assert min(spent) <= 0.1 * max(1.0, len(body) / 100_000)


def fuzz_by_coverage(folder: Path, runs: int) -> None:
    """Let the fuzzer look for branches that the recordings do not reach; it stops at the first fault."""
    pytest.importorskip("atheris", reason="atheris has no wheel for this platform")
    argv = [
        sys.executable,
        "-m",
        "tests.tracking.carriers.fuzz",
        f"-runs={runs}",
        "-seed=1",
        "-max_len=20000",
        str(folder),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert f"Done {runs} runs" in done.stderr


def test_a_slice_of_coverage_guided_fuzzing(tmp_path):
    """Three thousand inputs, steered to code that has not run yet, are read in order."""
    fuzz_by_coverage(tmp_path, 3000)


@pytest.mark.sweep
@pytest.mark.timeout(3600)
def test_coverage_guided_fuzzing(tmp_path):
    """Two hundred thousand of them."""
    fuzz_by_coverage(tmp_path, 200_000)
