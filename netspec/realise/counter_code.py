"""The random numbers of `counters` as text of C, for adapters that generate code.

C99 and C++ alike, without numbers of 128 bits, so that a device can have it too. A sequence is
found by its state before step 0; code that draws in every step may keep the state instead:
``state += NETSPEC_GAMMA; bits = netspec_mixed(state);`` is `netspec_bits` of the next step.
"""

from __future__ import annotations

from netspec.realise.counters import FIRST, GAMMA, SECOND, SHIFTS

INTEGERS = f"""
#include <stdint.h>
#define NETSPEC_GAMMA UINT64_C(0x{GAMMA:016X})

static inline uint64_t netspec_mixed(uint64_t z) {{
    z = (z ^ (z >> {SHIFTS[0]})) * UINT64_C(0x{FIRST:016X});
    z = (z ^ (z >> {SHIFTS[1]})) * UINT64_C(0x{SECOND:016X});
    return z ^ (z >> {SHIFTS[2]});
}}

// of a neuron before step 0; its index is that within the population
static inline uint64_t netspec_neuron_state(uint64_t key, uint64_t neuron) {{
    return netspec_mixed(key + (neuron + 1) * NETSPEC_GAMMA);
}}

// 64 random bits in a step, which begins at step * dt
static inline uint64_t netspec_bits(uint64_t state, uint64_t step) {{
    return netspec_mixed(state + (step + 1) * NETSPEC_GAMMA);
}}
"""
# above 0 and at most 1: the middles of 2**53 cells
UNIFORM = """
static inline double netspec_uniform(uint64_t bits) {
    return ((double)(bits >> 11) + 0.5) * 1.1102230246251565e-16;  // 2**-53
}
"""
# a standard normal number in a step; its draws are 2 step and 2 step + 1 of the sequence
NORMAL = """
#include <math.h>
static inline double netspec_normal(uint64_t state, uint64_t step) {
    const double cell = 1.1102230246251565e-16;  // 2**-53
    double radius = ((double)(netspec_bits(state, 2 * step) >> 11) + 0.5) * cell;
    double angle = ((double)(netspec_bits(state, 2 * step + 1) >> 11) + 0.5) * cell;
    return sqrt(-2.0 * log(radius)) * cos(6.283185307179586 * angle);
}
"""
# table and guide are those of `poisson_tables`
POISSON = """
static inline unsigned int netspec_poisson(
    uint64_t bits, const uint64_t* table, const uint16_t* guide) {
    unsigned int number = guide[bits >> 56];
    while (bits > table[number]) {
        number++;
    }
    return number;
}
"""
