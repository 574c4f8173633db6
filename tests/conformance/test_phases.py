"""Of every phase of a run, netspec's own adapters tell the progress, the time and the memory."""

from __future__ import annotations

from netspec.testing.parts import network, neuron


def test_every_phase_is_reported(simulate):
    seen = set()
    described = network("phases", [neuron("A", 3, I_e=500.0)])
    run = simulate(described, 20.0, progress=lambda phase, _: seen.add(phase))
    assert {"create", "connect", "simulate", "read"} <= seen
    phases = {"create", "connect", "prepare", "warmup", "simulate", "read", "total"}
    assert phases <= set(run.manifest["seconds"])
    assert {"create", "connect", "read"} <= set(run.manifest["memory_mib"])
