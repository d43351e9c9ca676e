// One binary for every x86-64 processor: a function marked CANDOR_CPU_CLONES is compiled for
// AVX-512, AVX2 and the baseline, and the loader picks one at start-up. Its body must be
// always_inline, so that each copy is vectorised for its own instruction set.
#pragma once

#ifndef _OPENMP
#error "kernels need OpenMP: without it at::parallel_for, a header, runs on one thread"
#endif

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CANDOR_CPU_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CANDOR_CPU_CLONES
#endif
#define CANDOR_INLINE inline __attribute__((always_inline))
