"""What the conformance tests share: how closely a run has to agree."""

import pytest
from parts import Tolerance


@pytest.fixture(scope="session")
def tolerance(agreed):
    """Give the tolerances of the precision that the backend runs in."""
    return Tolerance(single="single-precision" in agreed)
