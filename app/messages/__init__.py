"""What a message says: brands, templates, their compilation, rendering and immutable versions."""
