"""From a blueprint to a compiled GeNN model, kept and found again by its hash."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock
from numpy.typing import NDArray

from netspec.backends.genn import device, host, kernels
from netspec.backends.genn.blueprint import Blueprint, Code, Connections, Sums
from netspec.errors import SimulationFailed
from netspec.execute.cache import cache_folder, first_line

NAME = "network"  # of the model in generated code
UNFOLDED = "unfolded"  # file that says why GeNN's kernels stay as they are; empty if they do not
SUMS = "sums"  # what GeNN calls all sums before a step together
# GeNN's own optimisation is -ffast-math, which would not keep the step program as it is
FLAGS = "-O3 -march=native -ffp-contract=off"
NVCC_FLAGS = "-O3 --fmad=false"


def environment(backend: str) -> dict[str, str]:
    """Return what compiles a blueprint: versions, flags, processor or device."""
    compiler = os.environ.get("CXX", "g++")
    found = {
        "pygenn": metadata.version("pygenn"),
        "compiler": f"{compiler} {first_line([compiler, '-dumpfullversion', '-dumpversion'])}",
        "flags": FLAGS,
        "host": host.SOURCE,
        "machine": platform.machine(),
    }
    if backend == "cuda":
        query = [
            "nvidia-smi",
            "--query-gpu=name,driver_version,compute_cap",
            "--format=csv,noheader",
        ]
        found |= {
            "CUDA_PATH": os.environ.get("CUDA_PATH", ""),
            "nvcc": first_line([str(device.nvcc()), "--version"], last=True),
            "nvcc flags": NVCC_FLAGS,
            "kernels": hashlib.sha256(Path(kernels.__file__).read_bytes()).hexdigest(),
            "device": first_line(query),
        }
    # -march=native, for a GPU of the host's part: another processor may not know the instructions
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        found["flags of the processor"] = next(x for x in lines if x.startswith("flags"))
    return found


@contextlib.contextmanager
def _compiler_flags(backend: str) -> Iterator[None]:
    """Set the flags for the time of a compilation; GeNN has no option of its own for them."""
    old = {name: os.environ.get(name) for name in ("CXX", "NVCC_APPEND_FLAGS", "MAKEFLAGS")}
    os.environ["CXX"] = f"{old['CXX'] or 'g++'} {FLAGS}"
    os.environ["MAKEFLAGS"] = "-s"
    if backend == "cuda":
        os.environ["NVCC_APPEND_FLAGS"] = NVCC_FLAGS
    try:
        yield
    finally:
        for name, value in old.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def compiled(blueprint: Blueprint, seconds: dict[str, float]) -> tuple[Any, Path]:
    """Return a PyGeNN model of a blueprint, ready to be loaded, and the folder of its code.

    Compiles unless a model with the same hash is in the cache. A model appears there only when
    complete, and eight processes that want the same one compile it once.

    Parameters
    ----------
    blueprint : Blueprint
    seconds : dict
        Receives ``generate`` and ``compile``; the latter is what a cache spares.

    Raises
    ------
    SimulationFailed
        If the compiler fails, or GeNN does not use the backend that was asked for.
    """
    folder = cache_folder() / "genn"
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / blueprint.digest(environment(blueprint.backend))[:32]
    seconds["compile"] = 0.0
    with FileLock(folder / f"{place.name}.lock"):
        if not library(place).exists():
            started = time.perf_counter()
            _compile(blueprint, folder, place)
            seconds["compile"] = time.perf_counter() - started
    started = time.perf_counter()
    model = model_of(blueprint)
    model.build(str(place), never_rebuild=True)
    seconds["generate"] = time.perf_counter() - started
    return model, place


@contextlib.contextmanager
def _folded(blueprint: Blueprint, scratch: Path) -> Iterator[None]:
    """Change what GeNN generates before it is compiled, which PyGeNN does in one call."""
    from pygenn import genn_model

    make = genn_model.check_call

    def change_and_make(*arguments: Any, **keywords: Any) -> Any:
        code = scratch / f"{NAME}_CODE"
        (scratch / UNFOLDED).write_text(kernels.fold(code, blueprint.slots))
        return make(*arguments, **keywords)

    genn_model.check_call = change_and_make if blueprint.slots else make
    try:
        yield
    finally:
        genn_model.check_call = make


def why_unfolded(blueprint: Blueprint, place: Path) -> str:
    """Return why a compiled model has GeNN's own kernels, if it was to have others."""
    return (place / UNFOLDED).read_text() if blueprint.slots else ""


def library(place: Path) -> Path:
    """Return the path of the generated library in a model's folder."""
    return place / f"{NAME}_CODE" / "librunner.so"


def _compile(blueprint: Blueprint, folder: Path, place: Path) -> None:
    scratch = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=folder))
    try:
        with _compiler_flags(blueprint.backend), _folded(blueprint, scratch):
            model_of(blueprint).build(str(scratch), always_rebuild=True)
            host.compile_host(scratch)
        shutil.rmtree(place, ignore_errors=True)  # of a compilation that was killed
        scratch.rename(place)
    except (subprocess.CalledProcessError, RuntimeError) as error:  # the latter of GeNN's threads
        raise SimulationFailed(f"the generated code does not compile: {error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def model_of(blueprint: Blueprint) -> Any:
    """Return the PyGeNN model of a blueprint, neither built nor loaded."""
    import pygenn

    try:
        model = pygenn.GeNNModel(
            blueprint.precision, NAME, backend=blueprint.backend, time_precision="double",
            optimize_code=False, **_blocks(blueprint),
        )  # fmt: skip
    except KeyError:  # PyGeNN leaves out what it cannot load
        raise SimulationFailed(f"PyGeNN cannot load its backend {blueprint.backend}") from None
    if model.backend_name != blueprint.backend:
        raise SimulationFailed(
            f"asked for {blueprint.backend}, GeNN would use {model.backend_name}"
        )
    model.dt = blueprint.dt
    model.fuse_postsynaptic_models = True
    model.default_narrow_sparse_ind_enabled = True
    groups = {}
    for neurons in blueprint.neurons:
        code = _neuron_model(pygenn, neurons.code)
        initial = _initial(pygenn, neurons.code)
        group = model.add_neuron_population(
            neurons.name, neurons.size, code, neurons.params, initial
        )
        group.spike_recording_enabled = neurons.recorded
        groups[neurons.name] = group
    for source in blueprint.sources:
        code = _source_model(pygenn, source.code)
        initial = _initial(pygenn, source.code)
        group = groups[source.population]
        added = model.add_current_source(source.name, code, group, source.params, initial)
        added.target_var = source.target
    arrival = model.code_object = _arrival(pygenn)  # GeNN does not own it
    arrive = pygenn.init_postsynaptic(arrival)
    for connections in blueprint.connections:
        _add_connections(pygenn, model, groups, connections, arrive)
    for sums in blueprint.sums:
        _add_sums(pygenn, model, groups[sums.population], sums)
    return model


def _blocks(blueprint: Blueprint) -> dict[str, Any]:
    """Return preferences that set the threads of a block, where kernels are folded."""
    if not blueprint.slots:
        return {}
    from pygenn import cuda_backend

    method = cuda_backend.BlockSizeSelect.MANUAL
    return {"block_size_select_method": method, "manual_block_sizes": list(kernels.BLOCKS)}


def _access(pygenn: Any, code: Code, name: str) -> Any:
    if name in code.shared:
        return pygenn.VarAccess.READ_ONLY_SHARED_NEURON
    read_only = name in code.read_only
    return pygenn.VarAccess.READ_ONLY if read_only else pygenn.VarAccess.READ_WRITE


def _initial(pygenn: Any, code: Code) -> dict[str, Any]:
    """Say what the variables of neurons or sources begin with."""
    given = pygenn.init_var("Uninitialised")
    return {name: 0 if name in code.zero else given for name, _ in code.variables}


def _variables(pygenn: Any, code: Code) -> list[tuple[Any, ...]]:
    return [(name, kind, _access(pygenn, code, name)) for name, kind in code.variables]


def _neuron_model(pygenn: Any, code: Code) -> Any:
    return pygenn.create_neuron_model(
        code.name,
        params=list(code.params),
        vars=_variables(pygenn, code),
        additional_input_vars=[(name, "scalar", 0.0) for name in code.inputs],
        **code.texts,
    )


def _source_model(pygenn: Any, code: Code) -> Any:
    return pygenn.create_current_source_model(
        code.name,
        params=list(code.params),
        vars=_variables(pygenn, code),
        extra_global_params=list(code.tables),
        **code.texts,
    )


def _arrival(pygenn: Any) -> Any:
    """Return a postsynaptic model that hands on what is due, and keeps nothing."""
    return pygenn.create_postsynaptic_model("arrival", sim_code="injectCurrent(inSyn);\ninSyn = 0;")


def _add_connections(
    pygenn: Any, model: Any, groups: dict[str, Any], planned: Connections, arrive: Any
) -> None:
    code = planned.code
    weight_update = pygenn.create_weight_update_model(
        code.name,
        params=list(code.params),
        vars=_variables(pygenn, code),
        pre_neuron_var_refs=_read(pygenn, code.presynaptic),
        post_neuron_var_refs=_read(pygenn, code.postsynaptic),
        pre_vars=[(name, "scalar") for name, _ in code.pre_variables],
        post_vars=[(name, "scalar") for name, _ in code.post_variables],
        **code.texts,
    )
    initial: dict[str, Any] = {name: pygenn.init_var("Uninitialised") for name, _ in code.variables}
    made: list[Any] = [weight_update]
    for name, (snippet, params) in planned.initial.items():
        made.append(
            pygenn.create_var_init_snippet(
                snippet.name,
                params=list(snippet.params),
                extra_global_params=list(snippet.tables),
                **snippet.texts,
            )
        )
        initial[name] = pygenn.init_var(made[-1], params)
    pre, post = groups[planned.pre], groups[planned.post]
    update = pygenn.init_weight_update(
        weight_update,
        planned.params,
        initial,
        dict(code.pre_variables),
        dict(code.post_variables),
        pre_var_refs={name: pygenn.create_var_ref(pre, name) for name in code.presynaptic},
        post_var_refs={name: pygenn.create_var_ref(post, name) for name in code.postsynaptic},
    )
    connect = None
    if planned.builder is not None:
        made.append(
            pygenn.create_sparse_connect_init_snippet(
                planned.builder.name,
                params=list(planned.builder.params),
                extra_global_params=list(planned.builder.tables),
                **planned.builder.texts,
            )
        )
        connect = pygenn.init_sparse_connectivity(made[-1], planned.builder_params)
    added = model.add_synapse_population(
        planned.name, planned.matrix, pre, post, update, arrive, connect
    )
    added.code_objects = made  # GeNN does not own them
    added.post_target_var = planned.target
    added.max_dendritic_delay_timesteps = planned.slots
    if planned.back:
        added.back_prop_delay_steps = planned.back
    if planned.on_device:
        added.sparse_connectivity_location = pygenn.VarLocation.DEVICE
        for name, _ in code.variables:
            added.set_wu_var_location(name, pygenn.VarLocation.DEVICE)
    if planned.row:
        added.max_connections = planned.row


def _read(pygenn: Any, names: Iterable[str]) -> list[tuple[Any, ...]]:
    return [(name, "scalar", pygenn.VarAccessMode.READ_ONLY) for name in names]


def _add_sums(pygenn: Any, model: Any, group: Any, planned: Sums) -> None:
    written = [(name, "scalar", pygenn.VarAccessMode.REDUCE_SUM) for name in planned.written]
    update = pygenn.create_custom_update_model(
        planned.code.name,
        var_refs=[*_read(pygenn, planned.read), *written],
        **planned.code.texts,
    )
    references = {
        name: pygenn.create_var_ref(group, name) for name in planned.read + planned.written
    }
    added = model.add_custom_update(planned.name, SUMS, update, {}, {}, references)
    added.code_object = update  # GeNN does not own it


# a group of synapses, the name of a table of the code that connects them, its values
ConnectionTable = tuple[Any, str, NDArray[Any]]


def load(
    model: Any,
    chunk: int | None,
    tables: list[ConnectionTable],
    seconds: dict[str, float],
    before_sparse: Callable[[], None],
) -> None:
    """Open the library, allocate and initialise.

    PyGeNN does all of it in one call. Its runtime is replaced meanwhile, to time the phases
    ``load`` and ``initialise`` apart, and to set the tables of connecting code, whose arrays PyGeNN
    5.4.0 looks for under the wrong name.

    Parameters
    ----------
    model : pygenn.GeNNModel
    chunk : int or None
        Steps of spikes that the device records; None if no spikes are recorded.
    tables : list of ConnectionTable
    seconds : dict
        Receives the times.
    before_sparse : callable
        Writes synapses that GeNN has to see from their targets' side as well: it looks at them
        when everything else is loaded.
    """
    from pygenn import genn_model

    runtime = genn_model.Runtime
    seconds["initialise"] = 0.0

    class Timed(runtime):  # type: ignore[misc, valid-type]
        def initialize(self) -> None:
            started = time.perf_counter()
            for group, name, values in tables:
                array = f"{name}SparseConnect"
                self.allocate_array(group, array, len(values))
                table = group.connectivity_extra_global_params[name]
                table.set_array(self.get_array(group, array))
                table.values = values
                table.push_to_device()
            super().initialize()
            seconds["initialise"] += time.perf_counter() - started

        def initialize_sparse(self) -> None:
            before_sparse()
            started = time.perf_counter()
            super().initialize_sparse()
            seconds["initialise"] += time.perf_counter() - started

    genn_model.Runtime = Timed
    started = time.perf_counter()
    try:
        model.load(chunk)
    finally:
        genn_model.Runtime = runtime
    seconds["load"] = time.perf_counter() - started - seconds["initialise"]
