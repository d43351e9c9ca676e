#include "launch/program/run_candor.h"

#ifdef __SANITIZE_ADDRESS__
// MPI's plugins leave memory at the end, and are unloaded before a suppression could name them. The
// tests that need no MPI look for leaks.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }
#endif

int main(int argc, char** argv) { return candor::launch::run_candor(argc, argv); }
