"""NEST with a rank that fails on purpose: FAULTY_RANK in phase FAULTY_PHASE, by FAULTY_WAY."""

from __future__ import annotations

import os
import time

from netspec.backends.nest import NestBackend
from netspec.execute.ranks import own_rank


class FaultyNest(NestBackend):
    name = "faulty"

    def execute(self, plans, progress):
        mine = own_rank() == int(os.environ["FAULTY_RANK"])

        def fail_in_time(phase, fraction):
            progress(phase, fraction)
            if mine and phase == os.environ["FAULTY_PHASE"]:
                if os.environ["FAULTY_WAY"] == "aborts":
                    os.abort()
                time.sleep(0.5)  # the others run on, into a wait for this rank
                raise ArithmeticError("a rank of the test's own")

        return super().execute(plans, fail_in_time)
