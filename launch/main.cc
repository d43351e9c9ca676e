#include "launch/commands/run_candor.h"

int main(int argc, char** argv) { return candor::run_candor(argc, argv); }
