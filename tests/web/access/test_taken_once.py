"""A number and a recovery code are taken once, also by two who write them at the same time."""

from collections.abc import Callable
from threading import Barrier, Thread

from app.clock import wall_now
from app.models import Account, AccountFactor
from app.settings import Settings
from app.web.access import second_step, totp

SETTINGS = Settings(secret_key="k" * 32)


def _at_once(count: int, do: Callable[[], str | None]) -> list[str | None]:
    answers: list[str | None] = []
    start = Barrier(count)

    def one() -> None:
        start.wait(60)
        answers.append(do())

    threads = [Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == count
    return answers


def test_what_two_write_at_once_lets_one_in(visit, sessions):
    """Four sign-ins with the same number, then four with the same recovery code: one of each comes through."""
    who = visit("owner").account_id
    with sessions.begin() as session:
        secret = second_step.begin(session, SETTINGS, who)
        session.get_one(AccountFactor, who).confirmed_at = wall_now()
        code, *_ = second_step.new_codes(session, SETTINGS, who)
    number = totp.number_of(secret, totp.step_at(wall_now().timestamp()) + 1)

    def prove(written: str) -> Callable[[], str | None]:
        def do() -> str | None:
            with sessions.begin() as session:
                session.get_one(Account, who)
                session.get(AccountFactor, who)  # seen as it was before, as a request may have seen it
                return second_step.prove(session, SETTINGS, who, written)

        return do

    assert sorted(map(str, _at_once(4, prove(number)))) == ["None", "None", "None", "app"]
    assert sorted(map(str, _at_once(4, prove(code)))) == ["None", "None", "None", "code"]
