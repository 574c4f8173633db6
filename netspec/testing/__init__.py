"""The conformance suite: what every adapter promises, for any that is installed to be judged by.

    pip install 'netspec-snn[testing]'
    pytest --pyargs netspec.testing --backend NAME

`declaration` is what an adapter's package says of itself, `plugin` the marks, fixtures and counts,
`suite` the tests, `parts`, `random_networks` and `strategies` what they build networks from, `ours`
the declarations of netspec's own adapters. docs/adapters.md has the whole way.
"""

from netspec.testing.declaration import BackendTest

__all__ = ["BackendTest"]
