"""How orders and parcels come in: checked, stored once, told apart from history."""
