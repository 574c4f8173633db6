"""What netspec's own adapters declare to the conformance suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from netspec.testing.declaration import BackendTest

NESTML = "models of one's own reach NEST through NESTML, which is not written yet"
NATIVE = "NEST's own model is an approximation, which has to be named"
UNUSUAL = "currents start at zero, signs choose the receptor, no first event"


class NestTest(BackendTest):
    """NEST, by its built-in models and devices."""

    notimpl: ClassVar[Mapping[str, str]] = {
        "test_l2_nmda::test_s_nmda_is_that_of_scipy_and_never_above_one": (
            "iaf_bw_2001 lets nobody record the gating that it sends"
        ),
        **{
            f"test_l1_library::*[{name}]": NATIVE
            for name in (
                "iaf_cond_exp",
                "iaf_cond_alpha",
                "iaf_cond_beta",
                "aeif_cond_exp",
                "aeif_cond_alpha",
                "izhikevich",
                "hh_cond_exp_traub",
            )
        },
        "test_silence::test_any_name_is_as_good_as_another": NESTML,
        "test_silence::test_hodgkin_and_huxley_are_those_of_scipy": NESTML,
        "test_together::test_a_failure_in_company_costs_only_the_run_that_fails": NESTML,
        "test_user_models": NESTML,
    }
    notyet: ClassVar[Mapping[str, str]] = {
        "test_limits::test_the_ledger_answers_for_what_is_unusual": UNUSUAL,
        "test_limits::test_what_is_unusual_is_as_in_scipy": UNUSUAL,
    }
    models = ("iaf_psc_delta", "iaf_psc_exp")
    first_event = 2
    late_poisson = 2
    memory_within = 0.15


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
