"""An adapter with bad manners, whose runs fail, hang, die, or return what is not a recording."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import numpy as np
from dummy import DummyBackend

from netspec.execute.contract import Option

SPOILT = ("no phase", "no spikes", "a stranger", "no samples", "a sample too few", "another shape",
          "no neuron", "a late spike", "no step", "no pairs", "no count")  # fmt: skip
MANNERS = ("good", "slow", "fails", "hangs", "dies", *SPOILT)


class RudeBackend(DummyBackend):
    name = "rude"
    options = {"manners": Option("good", MANNERS, "what becomes of the run")}

    def plan(self, request):
        plan = super().plan(request)
        entries = tuple(e for e in plan.ledger.entries if not e.thing.startswith("projections."))
        ledger = plan.ledger.model_copy(update={"entries": entries})
        # it claims to have synapses
        return type(plan)(request, plan.options, ledger, plan.versions, plan.currents)

    def execute(self, plans, progress):
        log = Path(os.environ["DUMMY_LOG"])
        manners = plans[0].options["manners"]
        with log.open("a") as file:
            file.write("run\n")
        if manners == "fails":
            raise MemoryError("this machine is too small")
        if manners == "dies":
            os.abort()
        if manners == "hangs":
            helper = subprocess.Popen(["sleep", "600"])
            log.write_text(str(helper.pid))
            progress("simulate", 0.5)
            time.sleep(600)
        if manners == "slow":
            time.sleep(1)
        for plan, recording in zip(plans, super().execute(plans, progress), strict=True):
            recording.synapses = {p.name: 0 for p in plan.request.network.projections}
            if manners in SPOILT:
                spoil(recording, manners)
            yield recording


def spoil(recording, manners):
    """Leave out or change one thing of a recording."""
    steps, neurons = recording.spikes["A"]
    (key,) = recording.samples
    times, values = recording.samples[key]
    if manners == "no phase":
        del recording.seconds["warmup"]
    elif manners == "no spikes":
        del recording.spikes["A"]
    elif manners == "a stranger":
        recording.spikes["Z"] = recording.spikes["A"]
    elif manners == "no samples":
        del recording.samples[key]
    elif manners == "a sample too few":
        recording.samples[key] = times[1:], values[1:]
    elif manners == "another shape":
        recording.samples[key] = times, values[:, :1]
    elif manners == "no neuron":
        recording.spikes["A"] = steps, neurons + np.uint32(1)
    elif manners == "a late spike":
        recording.spikes["A"] = steps + 1000, neurons
    elif manners == "no step":
        recording.spikes["A"] = steps * 0.1, neurons
    elif manners == "no pairs":
        recording.spikes["A"] = steps[1:], neurons
    elif manners == "no count":
        recording.synapses.clear()
