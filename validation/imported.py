"""`netspec.validation.exchange.imported`, by the name that the guide uses."""

from netspec.validation.exchange.imported import (
    OFF_GRID,
    ColumnName,
    Columns,
    ImportedPopulation,
    ImportedRun,
    SpikeDescription,
    import_spikes,
)

__all__ = [
    "OFF_GRID",
    "ColumnName",
    "Columns",
    "ImportedPopulation",
    "ImportedRun",
    "SpikeDescription",
    "import_spikes",
]
