"""`netspec.validation.campaign.trial_runs`, by the name that the guide uses."""

from netspec.validation.campaign.trial_runs import Trials, requests, run

__all__ = ["Trials", "requests", "run"]
