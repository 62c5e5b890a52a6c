"""The marketers' studio: a brand's messages and its looks, written, seen, tried, published and taken back."""
