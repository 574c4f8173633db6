"""Adapters: one module per simulator. They do not know each other."""
