"""Runs in other people's formats: Neo and NIX, NWB, MATLAB, and spikes of any script.

It may import `netspec.validation.measure`. It neither runs nor judges.
"""
