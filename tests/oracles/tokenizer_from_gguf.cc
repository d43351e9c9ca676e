// Writes the tokenizer.json that `candor import` makes of a GGUF file, without the weights. Usage:
// tokenizer_from_gguf model.gguf tokenizer.json
#include <exception>
#include <iostream>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/gguf.h"
#include "data_pipeline/files/gguf_tokenizer.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: tokenizer_from_gguf model.gguf tokenizer.json\n";
    return 2;
  }
  try {
    candor::data::write_file_atomically(
        argv[2], candor::data::gguf_tokenizer_json(candor::data::GgufFile(argv[1])).dump(1));
  } catch (const std::exception& error) {
    std::cerr << "tokenizer_from_gguf: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
