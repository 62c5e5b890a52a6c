"""What people of the shop do to a parcel: correct what is known, tell a scan, stop following it."""
