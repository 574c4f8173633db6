"""Statistics and comparison of results. Knows results, not simulators."""
