"""netspec."""
