"""What NEST's examples of these names are about, in netspec; durations in `DURATIONS`."""

import numpy as np
from parts import grid, network

from netspec import (
    CurrentInput,
    Network,
    NeuronModel,
    NoiseCurrent,
    PoissonInput,
    Population,
    Projection,
    SpikeInput,
)
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


def if_curve() -> Network:
    """Rates by mean and spread of a noisy current, a neuron for each pair of them."""
    means, spreads = np.linspace(0.0, 900.0, 20), (0.1, 200.0, 400.0)
    cells = Population(name="cells", size=60, model="iaf_psc_alpha",
                       parameters={"I_e": np.tile(means, 3)})  # fmt: skip
    return network(
        "if_curve", [cells],
        noise_currents=[
            NoiseCurrent(name=f"noise_{k}", target="cells", sd=sd, every=1.0,
                         neurons=range(20 * k, 20 * k + 20))
            for k, sd in enumerate(spreads)
        ],
    )  # fmt: skip


def BrodyHopfield() -> Network:  # noqa: N802  NEST's name
    """Neurons that a common sine brings together, each with its own current and noise."""
    model = NeuronModel(
        name="driven_lif",
        equations="""
            I = 50*pA*sine + I_e + I_stim : pA
            dV/dt = -(V + 70*mV)/(20*ms) + I/(250*pF) : mV (unless refractory)
            dsine/dt = omega*cosine : 1
            dcosine/dt = -omega*sine : 1
        """,
        threshold="V >= -55*mV", reset={"V": "-70*mV"}, refractory="t_ref", inputs={"I_stim": "pA"},
        initial={"cosine": 1.0, "V": -70.0},
        parameters={"omega": f"{2 * np.pi * 0.035}/ms", "I_e": "0 pA", "t_ref": "2 ms"},
    )  # fmt: skip
    cells = Population(name="cells", size=1000, model=model,
                       parameters={"I_e": "140*pA + 100*pA*i/(size - 1)"})  # fmt: skip
    return network("brody_hopfield", [cells], noise_currents=[
        NoiseCurrent(name="noise", target="cells", sd=200.0, every=1.0)])  # fmt: skip


def repeated_stimulation() -> Network:
    """Poisson input that is switched on and off."""
    times = np.arange(10.0, 100.0, 10.0)
    stimulus = PoissonInput(name="stimulus", target="cell", receptor="excitatory", weight=500.0,
                            rate=0.0, times=times, rates=[3000.0, 0.0] * 4 + [3000.0])  # fmt: skip
    return network("repeated_stimulation",
                   [Population(name="cell", size=5, model="iaf_psc_alpha")],
                   poisson_inputs=[stimulus])  # fmt: skip


def gif_population() -> Network:
    """Neurons with escape noise and adaptation that inhibit each other."""
    own = {"lambda_0": 0.01, "q_sfa_1": 15.0, "q_stc_1": 5.0, "tau_syn_in": 8.0, "V_T_star": -50.0,
           "C_m": 83.0, "I_e": 60.0}  # fmt: skip
    return network(
        "gif_population", [Population(name="gif", size=100, model="gif_psc_exp", parameters=own)],
        projections=[Projection(name="own", pre="gif", post="gif", receptor="inhibitory",
                                rule={"kind": "pairwise_bernoulli", "p": 0.3}, weight=-5.0)],
        poisson_inputs=[PoissonInput(name="noise", target="gif", receptor="excitatory",
                                     rate=500.0, weight=20.0)],
    )  # fmt: skip


def brette(model: str, weights: tuple[float, float], **own: float) -> Network:
    """Fifty excitatory neurons, a population of their own, get Poisson input from 1 to 51 ms."""
    sizes = {"stimulated": 50, "E": 750, "I": 200}
    ways = {"stimulated": ("excitatory", weights[0]), "E": ("excitatory", weights[0]),
            "I": ("inhibitory", weights[1])}  # fmt: skip
    return network(
        f"brette_{model}",
        [Population(name=n, size=k, model=model, parameters=own) for n, k in sizes.items()],
        projections=[
            Projection(name=f"{a}_{b}", pre=a, post=b, receptor=receptor, weight=weight, delay=0.1,
                       rule={"kind": "pairwise_bernoulli", "p": 0.08})
            for a, (receptor, weight) in ways.items() for b in sizes
        ],
        poisson_inputs=[PoissonInput(name="start", target="stimulated", receptor="excitatory",
                                     rate=300.0, number=10, weight=weights[0], start=1.0,
                                     stop=51.0)],
    )  # fmt: skip


CELL = {"E_L": -60.0, "C_m": 200.0, "tau_syn_ex": 5.0, "tau_syn_in": 10.0}
FIRES = {"V_th": -50.0, "V_reset": -60.0, "t_ref": 5.0}


def coba() -> Network:
    """Benchmark 1: conductances."""
    own = {**CELL, **FIRES, "g_L": 10.0, "E_ex": 0.0, "E_in": -80.0}
    return brette("iaf_cond_exp", (6.0, 67.0), **own)


def cuba() -> Network:
    """Benchmark 2: currents."""
    return brette("iaf_psc_exp", (90.0, -980.0), **CELL, **FIRES, tau_m=20.0)


def hh_coba() -> Network:
    """Benchmark 3: conductances of Hodgkin and Huxley's neurons."""
    return brette("hh_cond_exp_traub", (6.0, 67.0), **CELL, g_L=10.0, E_ex=0.0, E_in=-80.0)


STEPS = {"brette_et_al_2007/hh_coba": 0.05}
EXAMPLES = {
    **{f"spatial/{one.__name__}": one
       for one in (connex, connex_ew, gaussex, conncon_targets, conncon_sources, conncomp,
                   nodes_source_target, test_3d, test_3d_exp, test_3d_gauss)},
    **{one.__name__: one
       for one in (brunel_delta_nest, sensitivity_to_perturbation, EI_clustered_network, if_curve,
                   BrodyHopfield, repeated_stimulation, gif_population)},
    **{f"brette_et_al_2007/{one.__name__}": one for one in (coba, cuba, hh_coba)},
}  # fmt: skip
