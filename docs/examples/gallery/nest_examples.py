"""What NEST's examples of these names are about, in netspec; durations in `DURATIONS`."""

import numpy as np
from parts import grid, network

from netspec import CurrentInput, Network, PoissonInput, Population, Projection, SpikeInput
from netspec.connectivity import Explicit, distances, pairs

UNIFORM = {"kind": "uniform", "low": 0.5, "high": 2.0}  # pA


def layers(name: str, size: int, rules: dict[str, Explicit]) -> Network:
    """Two layers of neurons with rules from one to the other; those of the first spike."""
    a, b = (Population(name=n, size=size, model="iaf_psc_alpha") for n in "ab")
    return network(
        f"spatial_{name}",
        [a, b],
        projections=[
            Projection(name=way, pre=way[0], post=way[1], receptor="excitatory", rule=rule,
                       weight=UNIFORM, delay=1.0)
            for way, rule in rules.items()
        ],
        current_inputs=[CurrentInput(name="drive", target="a", amplitude=800.0)],
    )  # fmt: skip


LAYER = grid((30, 30), (3.0, 3.0))
FREE = np.random.default_rng(1).uniform(-0.5, 0.5, (1000, 3))


def connex() -> Network:
    """Half of the pairs within a circle."""
    return layers("connex", 900, {"ab": pairs(0.5 * (distances(LAYER, LAYER) <= 0.5), seed=1)})


def connex_ew() -> Network:
    """The same on a torus."""
    apart = distances(LAYER, LAYER, period=3.0)
    return layers("connex_ew", 900, {"ab": pairs(0.5 * (apart <= 0.5), seed=1)})


def gaussex() -> Network:
    """A probability that falls as a Gaussian, within a large circle."""
    apart = distances(LAYER, LAYER)
    p = np.exp(-(apart**2) / (2 * 0.5**2)) * (apart <= 3.0)
    return layers("gaussex", 900, {"ab": pairs(p, seed=1)})


def rectangle() -> np.ndarray:
    """Return whether a target lies in a rectangle around its source, on a torus."""
    x, y = (distances(LAYER[:, k], LAYER[:, k], period=3.0) for k in (0, 1))
    return (x <= 0.2) & (y <= 0.5)


def conncon_targets() -> Network:
    """Half of the pairs in a rectangle around each target."""
    return layers("conncon_targets", 900, {"ab": pairs(0.5 * rectangle().T, seed=1)})


def conncon_sources() -> Network:
    """Half of the pairs in a rectangle around each source."""
    return layers("conncon_sources", 900, {"ab": pairs(0.5 * rectangle(), seed=1)})


def conncomp() -> Network:
    """Two kinds of neurons at each place: one way by a circle, the other by a Gaussian."""
    apart = distances(LAYER, LAYER)
    ways = {"ab": 0.5 * (apart <= 0.5), "ba": np.exp(-(apart**2) / (2 * 0.2**2)) * (apart <= 1.0)}
    return layers("conncomp", 900, {way: pairs(p, seed=1) for way, p in ways.items()})


def nodes_source_target() -> Network:
    """All neurons of a rectangle that is shifted against its source."""
    places = grid((11, 11), (11.0, 11.0))
    x, y = (places[None, :, k] - places[:, None, k] - 3.0 for k in (0, 1))
    mask = (np.abs(x) <= 1.0) & (np.abs(y) <= 1.0)
    return layers("nodes_source_target", 121, {"aa": pairs(mask, seed=1)})


def free(name: str, p: np.ndarray) -> Network:
    return layers(name, 1000, {"aa": pairs(p, seed=1, allow_autapses=False)})


def test_3d() -> Network:
    """Neurons anywhere in space, each with all within a box around it."""
    near = [distances(FREE[:, k], FREE[:, k]) <= 0.2 for k in range(3)]
    return free("test_3d", np.all(near, axis=0))


def test_3d_exp() -> Network:
    """The same with a probability that falls exponentially."""
    return free("test_3d_exp", np.exp(-distances(FREE, FREE) / 0.1))


def test_3d_gauss() -> Network:
    """The same with a Gaussian."""
    return free("test_3d_gauss", np.exp(-(distances(FREE, FREE) ** 2) / (2 * 0.1**2)))


def brunel_delta_nest() -> Network:
    """Events move V_m by their weight, and are discarded while a neuron is refractory."""
    sizes = {"E": 400, "I": 100}
    parameters = {"C_m": 1.0, "tau_m": 20.0, "t_ref": 2.0, "E_L": 0.0, "V_reset": 0.0, "V_th": 20.0}
    accept = [f"populations.{n}.parameters.C_m" for n in sizes]
    return network(
        "brunel_delta",
        [Population(name=n, size=k, model="iaf_psc_delta", parameters=parameters)
         for n, k in sizes.items()],
        projections=[
            Projection(name=f"{a}_{b}", pre=a, post=b, receptor=receptor, weight=weight, delay=1.5,
                       rule={"kind": "fixed_indegree", "indegree": sizes[a] // 10})
            for a, receptor, weight in (("E", "excitatory", 1.0), ("I", "inhibitory", -5.0))
            for b in sizes
        ],
        poisson_inputs=[
            PoissonInput(name=f"drive_{n}", target=n, receptor="excitatory", rate=2000.0,
                         weight=1.0)
            for n in sizes
        ],
        accept=accept,
    )  # fmt: skip


def sensitivity_to_perturbation(extra: bool = True) -> Network:
    """A network that one more spike sends another way; what it is compared with lacks it."""
    sizes = {"E": 400, "I": 100}
    parameters = {"tau_m": 20.0, "t_ref": 0.5, "E_L": 0.0, "V_reset": 0.0, "V_th": 15.0,
                  "I_e": 260.0}  # fmt: skip
    return network(
        "perturbed",
        [Population(name=n, size=k, model="iaf_psc_delta", parameters=parameters,
                    initial={"V_m": {"kind": "uniform", "low": 0.0, "high": 15.0}})
         for n, k in sizes.items()],
        projections=[
            Projection(name=f"{a}_{b}", pre=a, post=b, receptor=receptor, weight=weight, delay=1.5,
                       rule={"kind": "fixed_indegree", "indegree": sizes[a] // 10})
            for a, receptor, weight in (("E", "excitatory", 0.5), ("I", "inhibitory", -3.0))
            for b in sizes
        ],
        spike_inputs=[
            SpikeInput(name="extra", target="E", receptor="excitatory", times=[50.0], neurons=[0],
                       weight=16.0)
        ] * extra,
    )  # fmt: skip


def EI_clustered_network() -> Network:  # noqa: N802  NEST's name
    """Pairs of an excitatory and an inhibitory cluster, stronger within than between them."""
    clusters = {f"{kind}{k}": size for k in range(3) for kind, size in (("E", 80), ("I", 20))}
    start = {"kind": "lognormal", "median": "-2 mV", "sigma": 0.3, "low": "-20 mV"}

    def weight(a: str, b: str) -> float:
        return (12.0 if a[0] == "E" else -60.0) * (2.0 if a[1] == b[1] else 0.5)

    return network(
        "clustered",
        [Population(name=n, size=size, model="iaf_psc_exp",
                    parameters={"E_L": 0.0, "V_reset": 0.0, "V_th": 20.0, "tau_m": 20.0,
                                "I_e": 270.0 if n[0] == "E" else 260.0},
                    initial={"V_m": start})
         for n, size in clusters.items()],
        projections=[
            Projection(name=f"{a}_{b}", pre=a, post=b, weight=weight(a, b), delay=1.0,
                       receptor="excitatory" if a[0] == "E" else "inhibitory",
                       rule={"kind": "pairwise_bernoulli", "p": 0.2})
            for a in clusters for b in clusters
        ],
    )  # fmt: skip


EXAMPLES = {
    **{f"spatial/{one.__name__}": one
       for one in (connex, connex_ew, gaussex, conncon_targets, conncon_sources, conncomp,
                   nodes_source_target, test_3d, test_3d_exp, test_3d_gauss)},
    **{one.__name__: one
       for one in (brunel_delta_nest, sensitivity_to_perturbation, EI_clustered_network)},
}  # fmt: skip
