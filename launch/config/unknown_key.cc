#include "launch/config/unknown_key.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "launch/config/name_match.h"
#include "launch/config/nearest_key.h"
#include "launch/config/usual_names.h"

namespace candor::launch {
namespace {

using Paths = std::vector<std::string>;

constexpr size_t kMostNamed = 4;

std::string section_of_path(const std::string& path) {
  const size_t dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

std::string last_part(const std::string& path) { return path.substr(path.rfind('.') + 1); }

std::string joined(const std::string& section, const std::string& name) {
  return section.empty() ? name : section + "." + name;
}

bool contains(const Paths& paths, const std::string& path) {
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

std::string list_text(const Paths& names) {
  if (names.size() == 1) return names.front();
  return fmt::format("{} and {}", fmt::join(names.begin(), names.end() - 1, ", "), names.back());
}

std::string nearest_text(const Paths& paths) {
  return fmt::format("the nearest valid key{} {}", paths.size() == 1 ? " is" : "s are",
                     list_text(paths));
}

// The keys that may be meant, the most likely first.
class KeySearch {
 public:
  KeySearch(const std::string& section, const std::string& typed)
      : section_(section), name_(snake_case(typed)), all_(all_key_paths()) {
    for (const std::string& path : all_) {
      const bool here = section_of_path(path) == section_;
      // Elsewhere a section's name isn't a key's.
      if (here || !holds_keys(path)) (here ? own_ : others_).push_back(path);
    }
  }

  const Paths& own() const { return own_; }
  bool holds_keys(const std::string& path) const {
    return std::any_of(all_.begin(), all_.end(),
                       [&](const std::string& other) { return other.starts_with(path + "."); });
  }

  // Empty where none is near.
  Paths likely() const {
    Paths found = with_last_parts(own_, names_spelled_like(name_, last_parts(own_)));
    for (const Paths& more : {usual(/*here=*/true), with_last_parts(others_, {name_})}) {
      for (const std::string& path : more) {
        if (!contains(found, path)) found.push_back(path);
      }
    }
    if (found.empty() && section_.empty()) found = usual(/*here=*/false);
    if (found.empty()) found = own_with_words();
    if (found.empty()) found = usual(/*here=*/false);
    if (found.empty())
      found = with_last_parts(others_, names_spelled_like(name_, last_parts(others_)));
    if (found.empty() && section_.empty())
      found = with_last_parts(others_, names_with_words_of(name_, last_parts(others_)));
    return found.size() > kMostNamed ? Paths{} : found;
  }

  Paths own_with_words() const {
    return with_last_parts(own_, names_with_words_of(name_, last_parts(own_)));
  }

 private:
  static Paths last_parts(const Paths& paths) {
    Paths names;
    for (const std::string& path : paths) names.push_back(last_part(path));
    return names;
  }

  static Paths with_last_parts(const Paths& paths, const Paths& names) {
    Paths found;
    for (const std::string& path : paths) {
      if (contains(names, last_part(path))) found.push_back(path);
    }
    return found;
  }

  // By what the key is called in other trainers: those of this section, or of others.
  Paths usual(bool here) const {
    Paths found;
    const auto entry = usual_names().find(name_);
    if (entry == usual_names().end()) return found;
    for (const std::string& path : entry->second) {
      if ((section_of_path(path) == section_) == here) found.push_back(path);
    }
    return found;
  }

  std::string section_, name_;
  Paths all_, own_, others_;
};

// A key with a dot in a file.
std::string dotted_hint(const std::string& section, const std::string& typed) {
  const Paths all = all_key_paths();
  const bool whole = section.empty() || contains(all, typed) || typed.starts_with(section + ".");
  const std::string path = whole ? typed : joined(section, typed);
  const std::string home = section_of_path(path), name = last_part(path);
  if (home == section) return fmt::format("in {} the key is {} alone", section, name);
  if (contains(all, home)) {
    const std::string rule =
        "in a file a key stands in its section, and the form with a dot is "
        "for --set";
    // A key without keys of its own may take names that are free, as grade.per_dataset does.
    if (contains(all, path) || KeySearch(home, name).own().empty())
      return fmt::format("write {} under {}: ({})", name, home, rule);
    return fmt::format("{}; {}", unknown_key_hint(home, name), rule);
  }
  return unknown_key_hint(section, name);
}

std::string invisible_character_in(std::string_view typed) {
  constexpr std::array<std::pair<std::string_view, const char*>, 4> kCharacters = {
      {{"\xc2\xa0", "U+00A0, a space that doesn't break"},
       {"\xe2\x80\x8b", "U+200B"},
       {"\xef\xbb\xbf", "U+FEFF, a byte order mark"},
       {"\xe3\x80\x80", "U+3000"}}};
  for (const auto& [bytes, name] : kCharacters) {
    if (typed.find(bytes) != std::string_view::npos) return name;
  }
  return "";
}

}  // namespace

std::string unknown_key_hint(const std::string& section, const std::string& typed) {
  if (const std::string character = invisible_character_in(typed); !character.empty())
    return fmt::format("it holds an invisible character ({}); write it anew", character);
  if (typed.find('.') != std::string::npos) return dotted_hint(section, typed);
  const KeySearch search(section, typed);
  const std::string name = snake_case(typed);
  if (!section.empty() && name != section && contains(all_key_paths(), name)) {
    if (const Paths own = search.own_with_words(); !own.empty()) return nearest_text(own);
    return fmt::format("{} stands at the top of the file, outside of {}: without indentation", name,
                       section);
  }
  const Paths likely = search.likely();
  if (!likely.empty()) return nearest_text(likely);
  Paths names;
  for (const std::string& path : search.own()) names.push_back(last_part(path));
  return section.empty() ? "the sections and keys are " + list_text(names)
                         : fmt::format("the keys of {} are {}", section, list_text(names));
}

}  // namespace candor::launch
