"""Numbers of an authenticator app: the RFC's own vectors, drift, and none taken twice."""

import pytest

from app.web.access.totp import address_of, as_text, number_of, step_at, step_of

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "number"),
    [(59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"),
     (2000000000, "69279037"), (20000000000, "65353130")],
)  # fmt: skip
def test_the_numbers_are_those_of_the_rfc(seconds, number):
    """RFC 6238, appendix B; its eight digits end in our six."""
    assert number_of(SECRET, step_at(seconds)) == number[2:]


def test_a_number_is_taken_once_and_a_clock_may_be_half_a_minute_off():
    """The steps beside the present one count too; one that was taken, and those before it, do not."""
    now = step_at(1234567890)
    for drift in (-1, 0, 1):
        assert step_of(SECRET, number_of(SECRET, now + drift), now, None) == now + drift
    for drift in (-2, 2):
        assert step_of(SECRET, number_of(SECRET, now + drift), now, None) is None
    assert step_of(SECRET, number_of(SECRET, now), now, now) is None
    assert step_of(SECRET, number_of(SECRET, now - 1), now, now) is None
    assert step_of(SECRET, number_of(SECRET, now + 1), now, now) == now + 1
    assert step_of(SECRET, "０" * 6, now, None) is None


def test_apps_read_the_address():
    """The picture holds what apps expect, and odd letters in a person's address do no harm."""
    assert as_text(SECRET) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
    url = address_of(SECRET, "ida+a&b@shop.example", "Doorstep")
    assert url.startswith("otpauth://totp/Doorstep%3Aida%2Ba%26b%40shop.example?secret=GEZDGNBVGY3TQOJQ")
