#include "data_pipeline/chat/jinja_globals.h"

#include <fmt/format.h>

#include <array>

#include "data_pipeline/chat/jinja_lexer.h"
#include "data_pipeline/chat/jinja_named.h"

namespace candor::data::jinja {
namespace {

constexpr int64_t kLongestRange = 100'000;

Value make_namespace(const Arguments& arguments, Site site) {
  Dict entries;
  site.spend((arguments.positional.size() + arguments.named.size()) * kElementWork);
  for (const Value& value : arguments.positional) {
    if (value.is_dict()) site.spend(value.dict().size() * kElementWork);
    if (value.is_dict()) entries.insert(entries.end(), value.dict().begin(), value.dict().end());
  }
  entries.insert(entries.end(), arguments.named.begin(), arguments.named.end());
  Value made(std::move(entries));
  made.is_namespace = true;
  return made;
}

Value make_range(const Arguments& arguments, Site line) {
  std::vector<int64_t> given;
  for (const Value& value : arguments.positional) {
    if (!value.is_integer())
      fail(line, fmt::format("range expects integers, got {}", kind_name(value)));
    given.push_back(value.integer());
  }
  if (given.empty() || given.size() > 3) fail(line, "range expects one to three integers");
  const int64_t begin = given.size() > 1 ? given[0] : 0,
                end = given.size() > 1 ? given[1] : given[0],
                step = given.size() > 2 ? given[2] : 1;
  if (step == 0) fail(line, "range with step 0");
  List list;
  for (int64_t i = begin; step > 0 ? i < end : i > end;) {
    if (static_cast<int64_t>(list.size()) >= kLongestRange)
      fail(line, fmt::format("range of more than {} numbers", kLongestRange));
    line.spend(kElementWork);
    list.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return list;
}

Value make_dict(const Arguments& arguments, Site) { return Dict(arguments.named); }

Value raise_exception(const Arguments& arguments, Site line) {
  fail(line, "the template refuses these messages: " + to_text(arguments.get(0), line));
}

constexpr std::array kGlobals = std::to_array<Named<Value (*)(const Arguments&, Site)>>({
    {"dict", make_dict},
    {"namespace", make_namespace},
    {"raise_exception", raise_exception},
    {"range", make_range},
});

}  // namespace

Dict global_functions() {
  Dict functions;
  for (const auto& [name, function] : kGlobals)
    functions.emplace_back(std::string(name), Function(function));
  return functions;
}

std::string function_names() { return names_of(kGlobals); }

}  // namespace candor::data::jinja
