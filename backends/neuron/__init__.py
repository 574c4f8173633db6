"""NEURON, by NMODL printed from the step program: one point process a neuron."""
