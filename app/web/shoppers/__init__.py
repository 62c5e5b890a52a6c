"""The shopper's side: the parcel's page behind a secret link, and the page of choices."""
