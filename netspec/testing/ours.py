"""What netspec's own adapters declare to the conformance suite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from netspec.testing.declaration import BackendTest

COUPLED = "generated neurons are not coupled continuously: a value for each pair at every step"
UNUSUAL = "currents start at zero, signs choose the receptor, no first event"


class NestTest(BackendTest):
    """NEST, by its built-in models and devices, and by models compiled from equations."""

    notimpl: ClassVar[Mapping[str, str]] = {
        "test_l2_nmda::test_s_nmda_is_that_of_scipy_and_never_above_one": (
            "iaf_bw_2001 lets nobody record the gating that it sends"
        ),
        "test_plasticity::test_a_rule_of_ones_own_*": "NEST's own synapse models only",
        "test_user_models::test_continuous_coupling*": COUPLED,
    }
    notyet: ClassVar[Mapping[str, str]] = {
        "test_limits::test_the_ledger_answers_for_what_is_unusual": UNUSUAL,
        "test_limits::test_what_is_unusual_is_as_in_scipy": UNUSUAL,
    }
    first_event = 2
    late_poisson = 2
    memory_within = 0.15
    generated: ClassVar[Mapping[str, str]] = {
        **{
            f"test_l2_nmda::test_{name}*": COUPLED
            for name in ("an_approx", "senders", "v_m_of", "the_mean", "gating", "s_nmda", "a_ring")
        },
        **{
            f"test_together::test_{name}": COUPLED
            for name in ("*[ring]", "*[different]", "only_what*", "what_must*", "samples*")
        },
        "test_limits::test_an_almost_constant_magnesium_block_is_exact_or_named": COUPLED,
        "test_plasticity::test_a_rule_of_ones_own_*": "NEST's own synapse models only",
        "test_user_models::test_continuous_coupling*": COUPLED,
    }

    def marks(self, options: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
        """Yield what generated neurons cannot, or what those built into NEST cannot."""
        if options.get("neurons") != "generated":
            yield from super().marks(options)
            return
        for pattern, reason in self.generated.items():
            yield "notimpl", pattern, reason


class Brian2Test(BackendTest):
    """Brian2, which compiles what is worth it."""

    quick: ClassVar[Mapping[str, str]] = {"codegen": "numpy"}


class GennTest(BackendTest):
    """GeNN, in both precisions."""

    one_model = True

    def agreed(self, options: Mapping[str, str]) -> list[str]:
        """Return the approximation that a precision is."""
        return ["single-precision"] if self.single(options) else []

    def single(self, options: Mapping[str, str]) -> bool:
        """Return whether states have 32 bits."""
        return options.get("precision") == "single"


class NeuronTest(BackendTest):
    """NEURON, by mechanisms compiled from equations, which takes some seconds a model."""

    memory_within = 0.1
    short: ClassVar[tuple[str, ...]] = (
        "test_contract::test_a_run_past_its_time_limit_*",
        "test_contract::test_a_second_run_finds_the_file_of_the_first",
        "test_contract::test_an_option_*",
        "test_contract::test_ranks_are_refused_*",
        "test_contract::test_threads_are_used_or_refused",
        "test_drive::test_every_event_is_netspecs_from_the_first_step_on",
        "test_drive::test_spikes_are_those_of_scipy_with_the_same_events[1]",
        "test_l0_structure::test_explicit_*",
        "test_l0_structure::test_initial_values_*",
        "test_l0_structure::test_native_*",
        "test_l0_structure::test_parameters_*",
        "test_l0_structure::test_shared_*",
        "test_l0_values",
        "test_l1_current",
        "test_l2_synapse::test_everything_is_that_of_scipy",
        "test_l3_replay::test_a_shared_network_makes_the_spikes_of_scipy",
        "test_ledger",
        "test_limits::test_what_is_unusual_is_as_in_scipy",
        "test_noise",
        "test_plasticity::test_a_network_that_its_synapses_drive_is_that_of_scipy",
        "test_plasticity::test_synapses_that_change_are_not_read_back",
        "test_silence::test_a_warm_up_that_ends_in_a_step_with_spikes_loses_none[rule1-0.1]",
        "test_silence::test_events_onto_a_held_state_*",
        "test_silence::test_what_is_read_back_*",
        "test_user_models::test_a_state_that_is_no_number_*",
        "test_user_models::test_continuous_coupling_is_seen_by_threshold_and_reset",
    )
