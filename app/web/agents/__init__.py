"""Support agents: a parcel is found, its story told, and what went wrong put right."""
