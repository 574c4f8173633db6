"""From a description and a seed to numbers: random streams, synapses, initial values, steps.

What is drawn and computed here is the same for every simulator. It may import
`netspec.describe`, and knows neither requests nor results.
"""
