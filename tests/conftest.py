"""Settings for all tests: every example that hypothesis draws is the same in every run."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "netspec",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("netspec")
