"""NEST, through PyNEST with threads.

`adapter` is the contract, `planning` decides and answers the ledger with `models` (which native
models are the same), `building` makes the network in the kernel with `nodes` (its populations),
`simulation` runs it and reads the results. What NEST has no model for, `generating` prints in C++
(the text around it is `template`), and `modules` compiles and keeps.
"""

from netspec.backends.nest.adapter import NestBackend

__all__ = ["NestBackend"]
