"""What is measured on a run: statistics of spikes, trials of a ring, and their definitions.

It may import what is below validation. Nothing here compares two backends.
"""
