"""Projections and continuous coupling as GeNN's synapse groups."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.backends.genn import sampling
from netspec.backends.genn.blueprint import Code, Connections
from netspec.backends.genn.neurons import arriving, coupled
from netspec.backends.genn.shards import Part, Piece
from netspec.backends.genn.weights import STEPS, Grid
from netspec.backends.genn.wiring import Wiring
from netspec.describe import connectivity as rules
from netspec.describe.grid import bounded
from netspec.describe.network import ContinuousProjection, Network, Projection
from netspec.describe.simulation import Simulation
from netspec.realise.drawing import expected_synapses
from netspec.realise.lowering import own


def row_that_fits(longest: int) -> int:
    """Return a row length that differs little between seeds, so that compiled code serves all."""
    step = 1 << max(3, longest.bit_length() - 5)
    return max(step, math.ceil(longest / step) * step)


def expected_row(network: Network, projection: Projection, post: Part) -> int:
    """Return a row length for the synapses of one source in a part of the targets.

    It follows from the description, not the seed, so that one compiled model serves all seeds. Rows
    that generated code draws exceed it with a probability below 1e-15; for those that netspec
    counts, 1e-9 will do, since a longer one is seen in time.
    """
    if isinstance(projection.rule, rules.OneToOne):
        return 1
    n_pre, n_post = (network.population(p).size for p in (projection.pre, projection.post))
    mean = expected_synapses(network, projection) / n_pre * post.size / n_post
    counted = isinstance(projection.rule, rules.FixedTotalNumber)
    # numbers of synapses are binomial, of which a Poisson distribution has the longer tail
    longest = poisson_quantile(1 - (1e-9 if counted else 1e-15), mean)
    if isinstance(projection.rule, rules.PairwiseBernoulli):
        longest = min(longest, post.size)
    return row_that_fits(longest)


def poisson_quantile(share: float, mean: float) -> int:
    """Return the least number that a Poisson number does not exceed with a probability of `share`.

    As ``scipy.stats.poisson.ppf`` computes it; `scipy.stats` takes half a second to import.
    """
    from scipy.special import pdtr, pdtrik

    if mean == 0:
        return 0
    found: int = math.ceil(pdtrik(share, mean))
    fewer = max(found - 1, 0)
    return fewer if pdtr(fewer, mean) >= share else found


def _delivery(
    weight: float | None,
    grid: Grid | None,
    delay: int | None,
    slots: int,
    skip_self: bool,
    ring: bool,
) -> Code:
    """Return the code of a presynaptic spike; it runs one step late, with one step less to wait.

    Without a ring buffer there is nothing to wait for.
    """
    kind = "float" if grid is None else "uint16_t"
    variables: tuple[tuple[str, str], ...] = (("weight", kind),) if weight is None else ()
    if delay is None:
        variables += (("later", "uint16_t" if slots > 256 else "uint8_t"),)
    params: tuple[tuple[str, str], ...] = (("weight", "scalar"),) if weight is not None else ()
    params += (("later", "unsigned int"),) if delay is not None else ()
    params += (("lowest", "scalar"), ("unit", "scalar")) if grid is not None else ()
    size = "weight" if grid is None else "lowest + unit * (scalar)weight"
    add = f"addToPostDelay({size}, later);" if ring else f"addToPost({size});"
    return Code(
        name="delivery",
        texts={"pre_spike_syn_code": f"if(id_pre != id_post) {{ {add} }}" if skip_self else add},
        params=params,
        variables=variables,
        read_only=tuple(name for name, _ in variables),
    )


_SEEDED = (("seed", "uint64_t*"),)

# The order statistics of uniform numbers, so that the row is sorted: memory is then read in order.
_ROW_OF_GIVEN_LENGTH = Code(
    name="row_of_given_length",
    texts={
        "row_build_code": sampling.own_state("seed[0]", "id_pre")
        + "double position = 0.0d;\n"
        + "for(unsigned int left = lengths[id_pre]; left != 0; left--) {\n"
        + sampling.next_bits("state", "bits")
        + f"position += (1.0d - position) * (1.0d - pow({sampling.UNIT.format(bits='bits')}, "
        + "1.0d / (double)left));\n"
        + "unsigned int post = (unsigned int)(position * num_post);\n"
        + "addSynapse((post < num_post) ? post : (num_post - 1));\n}\n"
    },
    tables=(*_SEEDED, ("lengths", "uint32_t*")),
)
_COLUMN_OF_FIXED_LENGTH = Code(
    name="column_of_fixed_length",
    texts={
        "col_build_code": sampling.own_state("seed[0]", "id_post")
        + "for(unsigned int left = indegree; left != 0; left--) {\n"
        + sampling.next_bits("state", "bits")
        + "unsigned int pre = (unsigned int)((double)num_pre * "
        + f"({sampling.UNIT.format(bits='bits')}));\n"
        + "addSynapse((pre < num_pre) ? pre : (num_pre - 1));\n}\n"
    },
    params=(("indegree", "unsigned int"),),
    tables=_SEEDED,
)


def _bernoulli(autapses: bool) -> Code:
    """Return code that leaps from success to success, by gaps of the geometric distribution."""
    add = "addSynapse((unsigned int)post);"
    return Code(
        name="bernoulli",
        texts={
            "row_build_code": sampling.own_state("seed[0]", "id_pre")
            + "double post = -1.0d;\n"
            + "while(post < (double)num_post) {\n"
            + sampling.next_bits("state", "bits")
            + f"post += 1.0d + floor(log({sampling.UNIT.format(bits='bits')}) * per_log);\n"
            + "if(post < (double)num_post) {\n"
            + (add if autapses else f"if((unsigned int)post != id_pre) {{ {add} }}")
            + "\n}\n}\n"
        },
        params=(("per_log", "double"),),  # 1 / log(1 - p)
        tables=_SEEDED,
    )


_ONE_TO_ONE = Code(name="one_to_one", texts={"row_build_code": "addSynapse(id_pre);"})
# GeNN wants code for sparse synapses; netspec writes them itself when the model is loaded
GIVEN = Code(name="given", texts={"row_build_code": "unsigned int nothing = 0;"})


def _builder(projection: Projection, piece: Piece) -> tuple[Code, dict[str, float | int]]:
    rule = projection.rule
    if isinstance(rule, rules.FixedTotalNumber):
        return _ROW_OF_GIVEN_LENGTH, {}
    if isinstance(rule, rules.FixedIndegree):
        return _COLUMN_OF_FIXED_LENGTH, {"indegree": rule.indegree}
    if isinstance(rule, rules.PairwiseBernoulli):
        autapses = rule.allow_autapses or piece.pre != piece.post
        return _bernoulli(autapses), {"per_log": 1 / math.log1p(-rule.p)}
    if isinstance(rule, rules.OneToOne):
        return _ONE_TO_ONE, {}
    raise TypeError(f"no builder for {rule!r}")


def _initial(
    projection: Projection, code: Code, simulation: Simulation, grid: Grid | None
) -> dict[str, tuple[Code, dict[str, float]]]:
    """Return how weights and delays of single synapses are drawn when the model is loaded."""
    drawn = {}
    for name, kind in code.variables:
        distribution = projection.weight if name == "weight" else bounded(projection.delay)  # type: ignore[arg-type]
        text, params = sampling.draw(distribution)
        text = sampling.own_state("seed[0]", "id_syn") + text
        if name == "weight" and grid is not None:
            text += "double steps = (drawn - lowest) / unit + 0.5d;\n"
            text += f"value = ({kind})fmin(fmax(steps, 0.0d), {STEPS}.0d);\n"
            params = {**params, "lowest": grid.lowest, "unit": grid.unit}
        elif name == "weight":
            text += "value = (float)drawn;\n"
        else:
            # to the nearest step, halves up as in `realisation.to_steps`, at least one
            text += "double steps = floor(drawn * per_step + 0.500001d);\n"
            text += f"value = ({kind})((steps < 1.0d) ? 0.0d : (steps - 1.0d));\n"
            params = {**params, "per_step": 1 / simulation.dt}
        types = tuple((param, "double") for param in params)
        snippet = Code(f"{name}_{projection.name}", {"var_init_code": text}, types, tables=_SEEDED)
        drawn[name] = (snippet, params)
    return drawn


def projection_code(
    network: Network,
    projection: Projection,
    simulation: Simulation,
    piece: Piece,
    lengths: NDArray[np.uint32] | None,
    wiring: Wiring,
    on_gpu: bool,
) -> Connections:
    """Say what the synapses of a projection between two parts are in GeNN.

    Parameters
    ----------
    lengths : ndarray of uint32, shape (n_pre,), or None
        Synapses of each source neuron, if netspec draws them, or their number.
    wiring : Wiring
        Its slots are the same for all that share the input: GeNN then keeps one ring for them.
    on_gpu : bool
        There, what has a row of its own always goes through a ring, if only of one slot: GeNN would
        add what reaches few neurons without a delay in shared memory, and not atomically, so that
        events of one source onto one target were lost.
    """
    state = network.model_of(projection.post).receptors[projection.receptor]
    weight, delay, slots, grid = wiring.weight, wiring.delay, wiring.slots, wiring.grid
    dense = wiring.way == "dense"
    skip_self = dense and piece.pre == piece.post and not projection.rule.allow_autapses  # type: ignore[union-attr]
    ring = slots > 1 or (on_gpu and not dense)
    code = _delivery(weight, grid, delay, slots, skip_self, ring)
    params: dict[str, float | int] = {} if weight is None else {"weight": weight}
    if delay is not None:
        params["later"] = delay - 1
    if grid is not None:
        params |= {"lowest": grid.lowest, "unit": grid.unit}
    shared: dict[str, Any] = {
        "name": piece.name, "pre": piece.pre.name, "post": piece.post.name,
        "code": code, "params": params, "target": arriving(state), "slots": slots,
    }  # fmt: skip
    if dense:
        return Connections(matrix="DENSE", **shared)
    drawn = 0 if lengths is None else row_that_fits(int(lengths.max(initial=0)))
    if wiring.way == "given":
        return Connections(matrix="SPARSE", row=drawn, builder=GIVEN, **shared)
    builder, builder_params = _builder(projection, piece)
    return Connections(
        matrix="SPARSE",
        row=max(drawn, expected_row(network, projection, piece.post)),
        builder=builder,
        builder_params=builder_params,
        initial=_initial(projection, code, simulation, grid),
        on_device=wiring.on_device,
        **shared,
    )


def coupling_code(network: Network, coupling: ContinuousProjection, piece: Piece) -> Connections:
    """Return a continuous coupling as a dense product, from the state at the start of a step."""
    uniform = coupling.kernel.kind == "uniform"
    code = Code(
        name="coupling",
        texts={"synapse_dynamics_code": f"addToPost(weight * {own(coupling.source)});"},
        params=(("weight", "scalar"),) if uniform else (),
        variables=() if uniform else (("weight", "scalar"),),
        read_only=() if uniform else ("weight",),
        presynaptic=(own(coupling.source),),
    )
    n_pre = network.population(coupling.pre).size
    profile = Code(
        name="profile",
        texts={"var_init_code": "value = profile[(id_post + size - id_pre) % size];"},
        params=(("size", "unsigned int"),),
        tables=(("profile", "double*"),),
    )
    if uniform:
        return coupling_with(code, {"weight": coupling.kernel.weight}, coupling, piece)
    return coupling_with(code, {}, coupling, piece, {"weight": (profile, {"size": n_pre})})


def coupling_with(
    code: Code,
    params: dict[str, float | int],
    coupling: ContinuousProjection,
    piece: Piece,
    initial: dict[str, tuple[Code, dict[str, float]]] | None = None,
) -> Connections:
    """Return a continuous coupling that this code computes, at every step and for every target."""
    return Connections(
        name=piece.name,
        pre=piece.pre.name,
        post=piece.post.name,
        matrix="DENSE",
        code=code,
        params=params,
        target=coupled(coupling.target),
        initial=initial or {},
    )
