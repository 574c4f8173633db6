"""GeNN: code for one network, generated, compiled and run on a CPU core or a GPU.

A step of GeNN handles the spikes of the step before, then updates all neurons. Its own models
add a synaptic event before V_m is integrated; ours first move it into an input variable
``arrive_X``, integrate, and then add it to X, which is the canonical order of time. A spike
found in step n (from n dt to (n + 1) dt) is labelled (n + 1) dt; its events are handed over
at the start of step n + 1, so that delay k is a dendritic delay of k - 1 steps.

Random numbers are made by code of our own, SplitMix64 seeded from netspec's named streams
(`sampling`), not by GeNN's generators: the seed is then no part of the code, one compiled model
serves all seeds, and a CPU and a GPU draw the same numbers.

`adapter` is the contract; `planning` decides and answers the ledger; `building` says what the GeNN
model consists of, with `neurons`, `synapses` and `inputs`, as plain data (`blueprint`); `compiling`
turns that into a compiled model, found again by its hash; `simulation` fills it through `network`,
runs and reads, with a little compiled code of our own (`host`). A population may be several groups
of GeNN (`shards`).
"""

from netspec.backends.genn.adapter import GennBackend

__all__ = ["GennBackend"]
