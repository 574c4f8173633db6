"""NEST, through PyNEST with threads.

`adapter` is the contract, `planning` decides and answers the ledger with `models` (which native
models are the same), `building` makes the network in the kernel, `simulation` runs it and reads the
results.
"""

from netspec.backends.nest.adapter import NestBackend

__all__ = ["NestBackend"]
