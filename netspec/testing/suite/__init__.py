"""The tests of the conformance suite; see `netspec.testing`."""
