"""Raw answers are kept, but not without bounds."""

import zlib
from datetime import timedelta

import sqlalchemy as sa

from app.models import CarrierAnswer
from app.pipeline.polling import raw_answers
from app.pipeline.polling.raw_answers import KEPT_A_PARCEL, KEPT_BYTES, packed, thin_out
from tests.pipeline.conftest import START


def test_an_answer_is_compressed_and_cut():
    """A carrier's answer comes back whole; one of megabytes is cut to what any parcel's history needs."""
    usual = b'{"shipments": []}' * 500
    assert zlib.decompress(packed(usual)) == usual and len(packed(usual)) < len(usual) / 10
    assert zlib.decompress(packed(b"x" * 2_000_000)) == b"x" * KEPT_BYTES


def test_a_parcel_keeps_its_newest_answers_alone(world, monkeypatch):
    """However often a carrier changes a word; other parcels keep theirs, and looking again takes nothing more."""
    monkeypatch.setattr(raw_answers, "_WINDOW", 7)
    noisy, quiet = world.order(parcels=2)
    with world.house.sessions.begin() as session:
        brand_id = session.scalars(sa.text("SELECT id FROM brands")).one()
        for number in range(KEPT_A_PARCEL + 12):
            for parcel in (noisy, quiet) if number < 3 else (noisy,):
                session.add(CarrierAnswer(
                    brand_id=brand_id, shipment_id=parcel, heard_at=START + timedelta(minutes=number), source="poll",
                    kind="tracked", http_status=200, detail=None, body=packed(str(number).encode()),
                ))  # fmt: skip
                session.flush()
    assert thin_out(world.house) == 12
    with world.house.sessions() as session:
        left = session.scalars(
            sa.select(CarrierAnswer.body).where(CarrierAnswer.shipment_id == noisy).order_by(CarrierAnswer.id)
        ).all()
        others = session.scalar(
            sa.select(sa.func.count()).select_from(CarrierAnswer).where(CarrierAnswer.shipment_id == quiet)
        )
    assert [int(zlib.decompress(body)) for body in left] == list(range(12, KEPT_A_PARCEL + 12))
    assert others == 3
    assert thin_out(world.house) == 0
