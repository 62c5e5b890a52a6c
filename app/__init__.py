"""Doorstep tells shoppers about their parcel before they ask.

One parcel's way through the house::

    intake ──► tracking ──► milestones ──► rules ──► messages ──► delivery ──► receipts
    an order    the carrier   a pure fold    which      a template   claim, send    what the
    and its     is asked, or  over all       message,   becomes an   settle;        provider says
    parcels     calls us      scans          or why not email/SMS    exactly once   happened next

`pipeline` tells that story in order; every other package is one station of it. Imports run down the
page that `pyproject.toml` (import-linter) draws, never up.
"""

__version__ = "0.1.0"
