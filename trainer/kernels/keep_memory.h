// Keeps the process's freed memory for its next allocation.
#pragma once

namespace candor::trainer {

// Activations are a few megabytes each and made anew in every step. glibc would give such blocks
// back to the system and fault their pages in again; after this call it reuses them. Once, before
// the first thread.
void keep_freed_memory();

}  // namespace candor::trainer
