"""Validations from the request to the summary: ensembles, trials, the self-test.

It may import everything of validation but the report, which shows what is summed up here.
"""
