"""From values of two sides to a verdict: margins, equivalence, distances, all tests together.

It may import `netspec.validation.measure`. It judges what it is given, and runs nothing.
"""
