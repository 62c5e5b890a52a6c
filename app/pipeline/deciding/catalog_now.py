"""Which templates a brand lives by at this moment."""

from sqlalchemy.orm import Session

from app.messages.catalog import Catalog
from app.models import Brand
from app.pipeline.house import House


def catalog_now(session: Session, house: House, brand: Brand) -> Catalog:
    """The brand's templates as they count now; those that ship."""
    return house.catalog
