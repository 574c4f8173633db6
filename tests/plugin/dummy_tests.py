"""What the dummy declares to the conformance suite."""

from netspec.testing import BackendTest

SYNAPSES = "it has no synapses"
RANDOM = "it draws no random numbers"


class DummyTest(BackendTest):
    """Neurons without synapses."""

    never = {
        "test_changing_rates": RANDOM,
        "test_drive": RANDOM,
        "test_l0_structure": SYNAPSES,
        "test_l0_values::test_native_weights_and_delays_*": SYNAPSES,
        "test_l0_values::test_shared_weights_and_delays_*": SYNAPSES,
        "test_l1_library": SYNAPSES,
        "test_l2_nmda": SYNAPSES,
        "test_l2_synapse": SYNAPSES,
        "test_l3_replay": SYNAPSES,
        "test_limits::test_an_almost_constant_magnesium_block_is_exact_or_named": SYNAPSES,
        "test_plasticity": SYNAPSES,
        "test_noise": RANDOM,
        "test_poisson": RANDOM,
        "test_random_networks": SYNAPSES,
        "test_silence::test_a_delay_that_cannot_be_kept_*": SYNAPSES,
        "test_silence::test_a_projection_without_a_synapse_is_read_back_as_such": SYNAPSES,
        "test_silence::test_a_warm_up_that_ends_in_a_step_with_spikes_loses_none": SYNAPSES,
        "test_silence::test_any_name_is_as_good_as_another": SYNAPSES,
        "test_silence::test_brunel_fires_as_in_a_script_of_nest": SYNAPSES,
        "test_silence::test_events_onto_a_held_state_are_discarded_*": SYNAPSES,
        "test_silence::test_names_of_pieces_that_look_alike_when_joined_*": SYNAPSES,
        "test_silence::test_the_first_poisson_event_comes_when_the_input_begins": RANDOM,
        "test_silence::test_weights_of_which_most_draws_are_rejected_*": SYNAPSES,
        "test_silence::test_what_is_off_the_grid_stands_in_the_ledger_*": SYNAPSES,
        "test_spike_sources": SYNAPSES,
        "test_together::test_only_what_is_missing_is_run": SYNAPSES,
        "test_together::test_runs_in_one_process_are_those_alone": SYNAPSES,
        "test_together::test_samples_given_spikes_and_read_back_values_*": SYNAPSES,
        "test_together::test_what_must_be_alike_is": SYNAPSES,
        "test_user_models::test_adex_is_that_of_scipy": SYNAPSES,
        "test_user_models::test_continuous_coupling_is_*": SYNAPSES,
    }
    notimpl = {"test_l0_values::test_arrays_formulas_*": "it reads no values back"}
