"""One file per carrier, and the registry that names them."""
