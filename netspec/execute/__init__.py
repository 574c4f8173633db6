"""Running a request: the contract of adapters, the child process, its ranks and its results.

It may import `netspec.describe` and `netspec.realise`. Adapters, circuits and converters are
found by entry points: no module here imports one.
"""
