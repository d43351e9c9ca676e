#include "data_pipeline/chat/jinja_renderer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "data_pipeline/chat/jinja_attributes.h"
#include "data_pipeline/chat/jinja_filters.h"
#include "data_pipeline/chat/jinja_globals.h"
#include "data_pipeline/chat/jinja_lexer.h"
#include "data_pipeline/chat/jinja_operators.h"
#include "data_pipeline/chat/jinja_tests.h"

namespace candor::data::jinja {
namespace {

constexpr int kDeepestCall = 100;
constexpr int64_t kMostIterations = 1'000'000;

enum class Flow { kNext, kBreak, kContinue };

// It has the names of one template, loop pass or macro call; what isn't here is looked up in the
// enclosing one.
struct Scope {
  std::map<std::string, Value> names;
  const Scope* outer = nullptr;
  // It is made for the first macro, which may be kept in a namespace for longer than the scope in
  // which it looks.
  std::shared_ptr<const bool> alive = {};

  const Value* find(const std::string& name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer) {
      const auto found = scope->names.find(name);
      if (found != scope->names.end()) return &found->second;
    }
    return nullptr;
  }
};

class Renderer {
 public:
  Flow render(const Block& block, Scope& scope, std::string& out) {
    if (block.empty()) return Flow::kNext;
    const Budget::Descent descent(site(block.front().line));
    for (const Statement& statement : block) {
      const Flow flow = render(statement, scope, out);
      if (flow != Flow::kNext) return flow;
      if (out.size() > kLongestText) fail(statement.line, "the rendered text is too long");
    }
    return Flow::kNext;
  }

 private:
  using Kind = Expression::Kind;

  Site site(int line) { return {line, &budget_}; }

  Flow render(const Statement& s, Scope& scope, std::string& out) {
    budget_.spend(kStepWork + s.text.size(), s.line);
    switch (s.kind) {
      case Statement::Kind::kText: out += s.text; break;
      case Statement::Kind::kOutput:
        out += to_text(value_of(*s.expressions[0], scope), site(s.line));
        break;
      case Statement::Kind::kIf:
        for (size_t i = 0; i < s.blocks.size(); ++i) {
          if (i >= s.expressions.size() || truth(value_of(*s.expressions[i], scope)))
            return render(s.blocks[i], scope, out);
        }
        break;
      case Statement::Kind::kFor: return render_for(s, scope, out);
      case Statement::Kind::kSet: assign(s, value_of(*s.expressions[0], scope), scope); break;
      case Statement::Kind::kSetBlock: {
        std::string text;
        render(s.blocks[0], scope, text);
        scope.names[s.names[0]] = text;
        break;
      }
      case Statement::Kind::kMacro: scope.names[s.text] = macro(s, scope); break;
      case Statement::Kind::kBreak: return Flow::kBreak;
      case Statement::Kind::kContinue: return Flow::kContinue;
    }
    return Flow::kNext;
  }

  void assign(const Statement& s, const Value& value, Scope& scope) {
    if (!s.text.empty()) {  // It is set ns.name = value.
      const Value* target = scope.find(s.names[0]);
      if (target == nullptr || !target->is_namespace)
        fail(s.line,
             fmt::format("set {}.{}: {} isn't a namespace", s.names[0], s.text, s.names[0]));
      if (value.is_namespace)
        fail(s.line, fmt::format("set {}.{}: a namespace can't be kept in a namespace", s.names[0],
                                 s.text));
      Dict& entries = *target->as<std::shared_ptr<Dict>>();
      budget_.spend(entries.size() + kElementWork, s.line);
      for (auto& [name, entry] : entries) {
        if (name == s.text) {
          entry = value;
          return;
        }
      }
      entries.emplace_back(s.text, value);
      return;
    }
    unpack(s.names, value, s.line, scope);
  }

  void unpack(const std::vector<std::string>& names, const Value& value, int line, Scope& scope) {
    if (names.size() == 1) {
      scope.names[names[0]] = value;
      return;
    }
    const List parts = elements(value, site(line));
    if (parts.size() != names.size())
      fail(line, fmt::format("expected {} values to unpack, got {}", names.size(), parts.size()));
    for (size_t i = 0; i < names.size(); ++i) scope.names[names[i]] = parts[i];
  }

  Flow render_for(const Statement& s, Scope& scope, std::string& out) {
    List items;
    for (Value& item : elements(value_of(*s.expressions[0], scope), site(s.line))) {
      if (s.expressions.size() > 1) {
        Scope test{{}, &scope};
        unpack(s.names, item, s.line, test);
        if (!truth(value_of(*s.expressions[1], test))) continue;
      }
      items.push_back(std::move(item));
    }
    if (items.empty() && s.blocks.size() > 1) return render(s.blocks[1], scope, out);
    const auto count = static_cast<int64_t>(items.size());
    for (int64_t i = 0; i < count; ++i) {
      if (++iterations_ > kMostIterations) fail(s.line, "the template's loops don't end");
      budget_.spend(4 * kElementWork, s.line);
      Scope pass{{}, &scope};
      unpack(s.names, items[static_cast<size_t>(i)], s.line, pass);
      Dict loop{{"index", Value(i + 1)},        {"index0", Value(i)},
                {"revindex", Value(count - i)}, {"revindex0", Value(count - i - 1)},
                {"first", Value(i == 0)},       {"last", Value(i + 1 == count)},
                {"length", Value(count)}};
      if (i > 0) loop.emplace_back("previtem", items[static_cast<size_t>(i - 1)]);
      if (i + 1 < count) loop.emplace_back("nextitem", items[static_cast<size_t>(i + 1)]);
      pass.names["loop"] = loop;
      if (render(s.blocks[0], pass, out) == Flow::kBreak) break;
    }
    return Flow::kNext;
  }

  Value macro(const Statement& s, Scope& scope) {
    if (!scope.alive) scope.alive = std::make_shared<const bool>(true);
    return Function([this, &s, &scope, alive = std::weak_ptr(scope.alive)](
                        const Arguments& arguments, Site line) -> Value {
      if (alive.expired())
        fail(line,
             fmt::format("macro {} is called after the loop or macro that defines it has ended",
                         s.text));
      if (++calls_ > kDeepestCall)
        fail(line, fmt::format("macro {} calls itself too deeply", s.text));
      if (arguments.positional.size() > s.names.size())
        fail(line, fmt::format("macro {} takes {} arguments", s.text, s.names.size()));
      Scope inner{{}, &scope};
      for (size_t i = 0; i < s.names.size(); ++i) {
        Value given = arguments.get(i, s.names[i]);
        if (given.is<Undefined>() && s.expressions[i]) given = value_of(*s.expressions[i], inner);
        inner.names[s.names[i]] = given;
      }
      std::string out;
      render(s.blocks[0], inner, out);
      --calls_;
      return out;
    });
  }

  Arguments arguments_of(const Expression& e, Scope& scope) {
    Arguments arguments;
    for (size_t i = 1; i < e.parts.size(); ++i)
      arguments.positional.push_back(value_of(*e.parts[i], scope));
    for (const auto& [name, part] : e.named)
      arguments.named.emplace_back(name, value_of(*part, scope));
    return arguments;
  }

  Value value_of(const Expression& e, Scope& scope) {
    const Budget::Descent descent(site(e.line));
    budget_.spend(kStepWork, e.line);
    switch (e.kind) {
      case Kind::kLiteral: return spent(e.literal, e.line);
      case Kind::kName: {
        const Value* found = scope.find(e.name);
        return found != nullptr ? spent(*found, e.line) : Value(Undefined{e.name});
      }
      case Kind::kList: return list(e, scope);
      case Kind::kDict: return dict(e, scope);
      case Kind::kAttribute:
        return spent(attribute_of(value_of(*e.parts[0], scope), e.name, site(e.line)), e.line);
      case Kind::kItem:
        return spent(item(value_of(*e.parts[0], scope), value_of(*e.parts[1], scope), site(e.line)),
                     e.line);
      case Kind::kSlice: return slice(e, scope);
      case Kind::kCall: return call(e, scope);
      case Kind::kFilter:
        return apply_filter(e.name, value_of(*e.parts[0], scope), arguments_of(e, scope),
                            site(e.line));
      case Kind::kTest:
        return apply_test(e.name, value_of(*e.parts[0], scope), arguments_of(e, scope),
                          site(e.line)) != e.negated;
      case Kind::kUnary: return signed_number(e, value_of(*e.parts[0], scope));
      case Kind::kBinary:
        return binary(e.name, value_of(*e.parts[0], scope), value_of(*e.parts[1], scope),
                      site(e.line));
      case Kind::kCompare: return comparison(e, scope);
      case Kind::kAnd: {
        Value left = value_of(*e.parts[0], scope);
        return truth(left) ? value_of(*e.parts[1], scope) : left;
      }
      case Kind::kOr: {
        Value left = value_of(*e.parts[0], scope);
        return truth(left) ? left : value_of(*e.parts[1], scope);
      }
      case Kind::kNot: return !truth(value_of(*e.parts[0], scope));
      case Kind::kConditional:
        if (truth(value_of(*e.parts[0], scope))) return value_of(*e.parts[1], scope);
        return e.parts.size() > 2 ? value_of(*e.parts[2], scope) : Value();
    }
    return {};
  }

  Value list(const Expression& e, Scope& scope) {
    List list;
    budget_.spend(e.parts.size() * kElementWork, e.line);
    for (const ExpressionPtr& part : e.parts) list.push_back(value_of(*part, scope));
    return list;
  }

  Value dict(const Expression& e, Scope& scope) {
    Dict dict;
    budget_.spend(e.parts.size() * kElementWork, e.line);
    for (size_t i = 0; i + 1 < e.parts.size(); i += 2) {
      std::string key = to_text(value_of(*e.parts[i], scope), site(e.line));
      dict.emplace_back(std::move(key), value_of(*e.parts[i + 1], scope));
    }
    return dict;
  }

  static Value signed_number(const Expression& e, const Value& value) {
    if (!value.is_number()) fail(e.line, fmt::format("\"{}\" before {}", e.name, kind_name(value)));
    if (e.name == "+") return value;
    if (!value.is<double>() && value.integer() == INT64_MIN)
      fail(e.line, "an integer is too large");
    return value.is<double>() ? Value(-value.as<double>()) : Value(-value.integer());
  }

  // Spends what copying it costs: a text's bytes; lists and mappings are shared.
  Value spent(Value value, int line) {
    if (value.is<std::string>()) budget_.spend(value.as<std::string>().size(), line);
    return value;
  }

  Value slice(const Expression& e, Scope& scope) {
    const Value object = value_of(*e.parts[0], scope);
    const List list = elements(object, site(e.line));
    const auto count = static_cast<int64_t>(list.size());
    const auto bound = [&](size_t part) -> std::optional<int64_t> {
      if (!e.parts[part]) return std::nullopt;
      const Value value = value_of(*e.parts[part], scope);
      if (value.is<None>()) return std::nullopt;
      if (!value.is_integer())
        fail(e.line, fmt::format("a slice expects integers, got {}", kind_name(value)));
      return value.integer();
    };
    const int64_t step = bound(3).value_or(1);
    if (step == 0) fail(e.line, "a slice's step is 0");
    const auto clamped = [&](std::optional<int64_t> at, int64_t otherwise) {
      if (!at) return otherwise;
      const int64_t index = *at < 0 ? *at + count : *at;
      return step > 0 ? std::clamp<int64_t>(index, 0, count)
                      : std::clamp<int64_t>(index, -1, count - 1);
    };
    const int64_t begin = clamped(bound(1), step > 0 ? 0 : count - 1),
                  end = clamped(bound(2), step > 0 ? count : -1);
    List out;
    for (int64_t i = begin; step > 0 ? i < end : i > end;) {
      out.push_back(list[static_cast<size_t>(i)]);
      if (__builtin_add_overflow(i, step, &i)) break;
    }
    if (!object.is<std::string>()) return out;
    std::string text;
    for (const Value& c : out) text += c.as<std::string>();
    return text;
  }

  Value call(const Expression& e, Scope& scope) {
    const Value function = value_of(*e.parts[0], scope);
    if (!function.is_function()) {
      const bool is_method = e.parts[0]->kind == Kind::kAttribute;
      fail(e.line, fmt::format("\"{}\" isn't a function that is supported here; supported are {}",
                               e.parts[0]->name, is_method ? method_names() : function_names()));
    }
    return (*function.as<std::shared_ptr<Function>>())(arguments_of(e, scope), site(e.line));
  }

  Value comparison(const Expression& e, Scope& scope) {
    Value left = value_of(*e.parts[0], scope);
    for (size_t i = 0; i < e.operators.size(); ++i) {
      const std::string& op = e.operators[i];
      Value right = value_of(*e.parts[i + 1], scope);
      bool holds = false;
      if (op == "==") {
        holds = equal(left, right, site(e.line));
      } else if (op == "!=") {
        holds = !equal(left, right, site(e.line));
      } else if (op == "in" || op == "not in") {
        holds = contains(right, left, site(e.line)) == (op == "in");
      } else {
        const int order = compare(left, right, site(e.line));
        holds = op == "<" ? order < 0
                          : (op == ">" ? order > 0 : (op == "<=" ? order <= 0 : order >= 0));
      }
      if (!holds) return false;
      left = std::move(right);
    }
    return true;
  }

  Budget budget_;
  int calls_ = 0;
  int64_t iterations_ = 0;
};

}  // namespace

std::string render(const Block& block, const Dict& variables) {
  Scope scope;
  for (const auto& [name, value] : global_functions()) scope.names[name] = value;
  for (const auto& [name, value] : variables) scope.names[name] = value;
  std::string out;
  Renderer().render(block, scope, out);
  return out;
}

}  // namespace candor::data::jinja
