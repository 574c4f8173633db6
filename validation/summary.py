"""`netspec.validation.campaign.summary`, by the name that the guide uses."""

from netspec.validation.campaign.summary import (
    FAILED,
    PUBLISHED,
    WORST_FIRST,
    ComparisonEntry,
    NetworkEntry,
    RingEntry,
    RunEntry,
    StatisticRow,
    Summary,
    load_summary,
    write_provenance,
)

__all__ = [
    "FAILED",
    "PUBLISHED",
    "WORST_FIRST",
    "ComparisonEntry",
    "NetworkEntry",
    "RingEntry",
    "RunEntry",
    "StatisticRow",
    "Summary",
    "load_summary",
    "write_provenance",
]
