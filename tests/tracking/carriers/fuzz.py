"""Coverage-guided fuzzing of every adapter's reading: `python -m tests.tracking.carriers.fuzz -runs=N FOLDER`.

libFuzzer keeps what reaches new branches in FOLDER, which begins with the recordings. The first byte of an input picks
the question, the second the status; the rest is the body.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["app.tracking"]):
    from app.tracking.adapter.base import RawAnswer
    from app.tracking.carriers.registry import CARRIERS

from tests.tracking.carriers.mutations import STATUSES
from tests.tracking.carriers.recordings import recordings
from tests.tracking.carriers.test_contract import check

QUESTIONS = [(CARRIERS[name], one) for name in sorted(CARRIERS) for one in recordings(name)]


def read_one(written: bytes) -> None:
    """Read one input; whatever it is, the reply must be in order."""
    if len(written) < 2:
        return
    carrier, one = QUESTIONS[written[0] % len(QUESTIONS)]
    call = one.call(carrier)
    answer = RawAnswer(STATUSES[written[1] % len(STATUSES)], {}, written[2:])
    check(carrier, carrier.read(call, answer), call.asks)


def main() -> None:
    """Lay the recordings down where the fuzzer begins, and fuzz."""
    folder = Path(sys.argv[-1])
    for at, (_, one) in enumerate(QUESTIONS[:256]):
        (folder / f"{one.carrier}-{one.file}").write_bytes(bytes([at, 1]) + one.body)
    atheris.Setup(sys.argv, read_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
