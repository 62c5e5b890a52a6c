"""The ways out of the house: one file per provider, and the registry that names them."""
