"""The description: networks, neurons, synapses and inputs as checked data, with units.

It may import `netspec.errors` and what stands beside it, and nothing else of netspec: a
description is the same whether and wherever it is run, so no simulator, no random number and
no result is known here.
"""
