"""What other programs call: `/v1/…`, its documents and its shapes."""
