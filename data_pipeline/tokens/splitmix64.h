// SplitMix64, the one source of numbers that depend on nothing but a key: the order of examples,
// dropout masks, initial weights and bootstrap draws.
//
// Usage:   splitmix64_finalize(key + element * kSplitMix64Gamma);
// The generator's k-th output is the finaliser of state + k * gamma. Each user writes out how it
// makes a state of its key, because results depend on it; the finaliser is here alone.
// Throws nothing. The function is always inlined, so that a kernel that is compiled for several
// instruction sets vectorises it in each of them.
// Source: Steele, Lea & Flood 2014, "Fast Splittable Pseudorandom Number Generators".
#pragma once

#include <cstdint>

namespace candor::data {

inline constexpr uint64_t kSplitMix64Gamma = 0x9e3779b97f4a7c15ULL;
inline constexpr uint64_t kSplitMix64First = 0xbf58476d1ce4e5b9ULL;
inline constexpr uint64_t kSplitMix64Second = 0x94d049bb133111ebULL;

// A bijection of 64 bits in which every input bit changes about half of the output bits. It maps 0
// to 0.
__attribute__((always_inline)) inline uint64_t splitmix64_finalize(uint64_t z) {
  z = (z ^ (z >> 30)) * kSplitMix64First;
  z = (z ^ (z >> 27)) * kSplitMix64Second;
  return z ^ (z >> 31);
}

}  // namespace candor::data
