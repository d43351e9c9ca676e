// What the tokenizer makes of each line of standard input, as one JSON line each; for
// tokenizer_oracle.py.
//   "text"     -> {"ids", "offsets", "text", "plain"}: ids, byte offsets, and the ids decoded with
//   and without special tokens [1, 2, 3]  -> {"text", "plain"}
// Usage: tokenizer_dump tokenizer.json < lines
#include <cstdint>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data_pipeline/tokenizer/tokenizer.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: tokenizer_dump tokenizer.json < lines\n";
    return 2;
  }
  try {
    const auto tokenizer = candor::data::Tokenizer::from_file(argv[1]);
    std::ios::sync_with_stdio(false);
    for (std::string line; std::getline(std::cin, line);) {
      const auto input = nlohmann::json::parse(line);
      nlohmann::json output;
      std::vector<std::uint32_t> ids;
      if (input.is_array()) {
        ids = input.get<std::vector<std::uint32_t>>();
      } else {
        const auto encoding = tokenizer.encode_with_offsets(input.get<std::string>());
        ids = encoding.ids;
        output["ids"] = ids;
        output["offsets"] = encoding.byte_offsets;
      }
      output["text"] = tokenizer.decode(ids, false);
      output["plain"] = tokenizer.decode(ids, true);
      std::cout << output.dump() << '\n';
    }
  } catch (const std::exception& error) {
    std::cerr << "tokenizer_dump: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
