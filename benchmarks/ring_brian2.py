"""Time the working-memory ring on Brian2: our adapter against ``neurodynex`` 0.3.4, in pairs.

Both sides run the same circuit (variant ``neurodynex``) with compiled Cython code on one thread
and record spikes only: the reference's voltage monitors are replaced by nothing, and so are its
rate monitors unless ``--keep-rate-monitors`` is given.

    pip install netspec-snn[brian2] neurodynex==0.3.4
    python benchmarks/ring_brian2.py --cue
"""

from __future__ import annotations

import tempfile
import time
from typing import Any

import common
import numpy as np

CUE = {"angle": 180.0, "width": 40.0, "strength": 70.0, "start": 200.0, "duration": 200.0}


def ours(settings: common.Result) -> common.Result:
    """Run through netspec, which starts a child process itself."""
    import netspec

    cues = [netspec.circuits.Cue(**CUE)] if settings["cue"] else []
    network = netspec.circuits.working_memory("neurodynex", settings["size"], cues)
    simulation = netspec.Simulation(
        dt=settings["dt"], warmup=0.0, duration=settings["duration"], seed=settings["seed"]
    )
    with tempfile.TemporaryDirectory(prefix="benchmark-") as out:
        started = time.perf_counter()
        run = netspec.run(
            network,
            "brian2",
            simulation,
            threads=1,
            options={"codegen": "cython"},
            out=out,
            force=True,
        )
        process = time.perf_counter() - started
        # a spike is labelled with the end of its step here, with the start in Brian2
        spikes = {
            name: (np.asarray(found.neurons), found.times - settings["dt"])
            for name, found in ((name, run.spikes(name)) for name in ("E", "I"))
        }
    took, manifest = run.manifest["seconds"], run.manifest
    phases = ("create", "connect", "prepare", "warmup", "simulate", "read")
    return {
        "seconds": {
            "build + simulate": sum(took[phase] for phase in phases),
            "simulate": took["simulate"],
            "process": process,
        },
        "values": values(spikes, settings),
        "peak_memory_mib": manifest["peak_memory_mib"],
        "versions": common.versions() | manifest["versions"],
        "phases": took,
    }


def simulate_wm(
    settings: common.Result, cue: dict[str, float] | None, **arguments: Any
) -> tuple[Any, ...]:
    """Call ``simulate_wm`` of the package and return its results."""
    import brian2 as b2
    from neurodynex.working_memory_network import wm_model

    b2.prefs.codegen.target = "cython"
    b2.defaultclock.dt = settings["dt"] * b2.ms
    b2.seed(settings["seed"])
    if cue is not None:
        arguments |= {
            "stimulus_center_deg": cue["angle"],
            "stimulus_width_deg": cue["width"],
            "stimulus_strength": cue["strength"] * b2.pA,
            "t_stimulus_start": cue["start"] * b2.ms,
            "t_stimulus_duration": cue["duration"] * b2.ms,
        }
    found: tuple[Any, ...] = wm_model.simulate_wm(
        N_excitatory=settings["size"],
        N_inhibitory=settings["size"] // 4,
        weight_scaling_factor=2048 / settings["size"],
        sim_time=settings["duration"] * b2.ms,
        **arguments,
    )
    return found


def reference(settings: common.Result) -> common.Result:
    """Time the call; called in a child process."""
    import brian2 as b2
    from neurodynex.working_memory_network import wm_model

    def nothing(*_: object, **__: object) -> None:
        """Stand in for a monitor: Brian2 collects no None."""

    wm_model.StateMonitor = nothing
    if not settings["keep_rate_monitors"]:
        wm_model.PopulationRateMonitor = nothing
    marks: list[float] = []
    run = b2.run

    def timed(duration: object) -> None:
        """Run, noting the time when the loop over steps begins and ends.

        One level up is the frame whose objects Brian2 collects.
        """
        run(
            duration,
            report=lambda *_: marks.append(time.perf_counter()),
            report_period=1 * b2.second,
            level=1,
        )

    b2.run = timed
    started = time.perf_counter()
    results = simulate_wm(settings, CUE if settings["cue"] else None)
    whole = time.perf_counter() - started
    if results[2] is not None or len(marks) < 2:
        raise RuntimeError("the reference kept its voltage monitor, or could not be timed")
    spikes = {
        name: (np.asarray(monitor.i), np.asarray(monitor.t / b2.ms))
        for name, monitor in (("E", results[1]), ("I", results[5]))
    }
    return {
        "seconds": {"build + simulate": whole, "simulate": marks[-1] - marks[0]},
        "values": values(spikes, settings),
    }


def values(spikes: common.Result, settings: common.Result) -> common.Result:
    """Return rates and the bump over the last two thirds of the run.

    Parameters
    ----------
    spikes : dict
        Population -> (neurons, times in ms).
    settings : dict
    """
    begin, size = settings["duration"] / 3, settings["size"]
    seconds = (settings["duration"] - begin) * 1e-3
    kept = {
        name: neurons[times >= begin - settings["dt"] / 2]
        for name, (neurons, times) in spikes.items()
    }
    vector = np.exp(2j * np.pi * kept["E"] / size).mean() if len(kept["E"]) else 0j
    return {
        "rate E (1/s)": len(kept["E"]) / size / seconds,
        "rate I (1/s)": len(kept["I"]) / (size // 4) / seconds,
        "vector length": float(abs(vector)),
        "angle of vector (deg)": float(np.degrees(np.angle(vector)) % 360),
    }


def main() -> None:
    """Measure in turn and report."""
    parser = common.parser(__doc__)
    parser.add_argument("--size", type=common.positive, default=1024, help="excitatory neurons")
    parser.add_argument("--dt", type=float, default=0.05, help="ms")
    parser.add_argument("--duration", type=float, default=1500.0, help="ms")
    parser.add_argument("--cue", action="store_true", help="70 pA at 180 deg, 40 deg, 200-400 ms")
    parser.add_argument("--keep-rate-monitors", action="store_true", help="of the reference")
    options = parser.parse_args()
    if options.child:
        common.answer_child(options.child, reference)
        return
    settings = {
        key: getattr(options, key)
        for key in ("size", "dt", "duration", "cue", "keep_rate_monitors")
    }
    pairs = common.measure_pairs(
        options,
        ours,
        lambda given: common.in_child(__file__, options.reference_python, given),
        settings,
        first={"duration": 20.0},
    )
    notes = [
        "'build + simulate': simulate_wm() as a whole, and our phases from create to read; "
        "neither holds the import of Brian2, 'process' holds everything",
        "'simulate': the loop over steps; ours holds Brian2's preparation of a second run too",
        "spikes recorded on both sides; the reference's voltage monitors are left out"
        + ("" if options.keep_rate_monitors else ", and its rate monitors"),
        f"rates and vector from {options.duration / 3:g} ms on; without a bump the angle says "
        "nothing; delays are 0 in the reference and one step in ours",
    ]
    common.report(__file__, options, pairs, notes)


if __name__ == "__main__":
    main()
