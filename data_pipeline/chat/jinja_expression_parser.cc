#include "data_pipeline/chat/jinja_expression_parser.h"

#include <algorithm>
#include <utility>

namespace candor::data::jinja {

ExpressionPtr ExpressionParser::make(Expression::Kind kind, std::string name) {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->line = now().line;
  node->name = std::move(name);
  return node;
}

void ExpressionParser::grow(Expression& node, const Expression& part) {
  node.height = std::max(node.height, part.height + 1);
  if (node.height > kDeepest)
    fail(node.line, fmt::format("an expression is nested or chained over {} deep", kDeepest));
}

void ExpressionParser::add(Expression& node, ExpressionPtr part) {
  if (part) grow(node, *part);
  node.parts.push_back(std::move(part));
}

void ExpressionParser::add(Expression& node, std::string name, ExpressionPtr part) {
  grow(node, *part);
  node.named.emplace_back(std::move(name), std::move(part));
}

ExpressionPtr ExpressionParser::tuple_or_expression() {
  ExpressionPtr first = expression();
  if (!is_operator(",")) return first;
  ExpressionPtr list = make(Expression::Kind::kList);
  add(*list, std::move(first));
  while (accept_operator(",")) add(*list, expression());
  return list;
}

ExpressionPtr ExpressionParser::expression() {
  const Depth depth(depth_, now().line);
  ExpressionPtr value = or_expression();
  while (is_name("if")) {
    ExpressionPtr node = make(Expression::Kind::kConditional);
    ++at_;
    add(*node, or_expression());
    add(*node, std::move(value));
    if (accept_name("else")) add(*node, expression());
    value = std::move(node);
  }
  return value;
}

ExpressionPtr ExpressionParser::or_expression() {
  ExpressionPtr left = and_expression();
  while (is_name("or"))
    left = joined(Expression::Kind::kOr, std::move(left), &ExpressionParser::and_expression);
  return left;
}

ExpressionPtr ExpressionParser::and_expression() {
  ExpressionPtr left = not_expression();
  while (is_name("and"))
    left = joined(Expression::Kind::kAnd, std::move(left), &ExpressionParser::not_expression);
  return left;
}

ExpressionPtr ExpressionParser::joined(Expression::Kind kind, ExpressionPtr left,
                                       ExpressionPtr (ExpressionParser::*right)()) {
  ExpressionPtr node = make(kind, now().text);
  ++at_;
  add(*node, std::move(left));
  add(*node, (this->*right)());
  return node;
}

ExpressionPtr ExpressionParser::not_expression() {
  const Depth depth(depth_, now().line);
  if (!is_name("not")) return comparison();
  ExpressionPtr node = make(Expression::Kind::kNot);
  ++at_;
  add(*node, not_expression());
  return node;
}

ExpressionPtr ExpressionParser::comparison() {
  ExpressionPtr left = sum();
  ExpressionPtr chain;
  for (;;) {
    std::string name;
    if (now().kind == Kind::kOperator &&
        (now().text == "==" || now().text == "!=" || now().text == "<" || now().text == ">" ||
         now().text == "<=" || now().text == ">=")) {
      name = take().text;
    } else if (is_name("in")) {
      name = take().text;
    } else if (is_name("not") && tokens_[at_ + 1].kind == Kind::kName &&
               tokens_[at_ + 1].text == "in") {
      at_ += 2;
      name = "not in";
    } else {
      break;
    }
    if (!chain) {
      chain = make(Expression::Kind::kCompare);
      add(*chain, std::move(left));
    }
    chain->operators.push_back(name);
    add(*chain, sum());
  }
  return chain ? std::move(chain) : std::move(left);
}

ExpressionPtr ExpressionParser::sum() {
  ExpressionPtr left = concatenation();
  while (is_operator("+") || is_operator("-"))
    left = joined(Expression::Kind::kBinary, std::move(left), &ExpressionParser::concatenation);
  return left;
}

ExpressionPtr ExpressionParser::concatenation() {
  ExpressionPtr left = product();
  while (is_operator("~"))
    left = joined(Expression::Kind::kBinary, std::move(left), &ExpressionParser::product);
  return left;
}

ExpressionPtr ExpressionParser::product() {
  ExpressionPtr left = power();
  while (is_operator("*") || is_operator("/") || is_operator("//") || is_operator("%")) {
    left = joined(Expression::Kind::kBinary, std::move(left), &ExpressionParser::power);
  }
  return left;
}

ExpressionPtr ExpressionParser::power() {
  ExpressionPtr left = unary(true);
  while (is_operator("**"))
    left = joined(Expression::Kind::kBinary, std::move(left), &ExpressionParser::filtered_unary);
  return left;
}

ExpressionPtr ExpressionParser::filtered_unary() { return unary(true); }

ExpressionPtr ExpressionParser::unary(bool with_filter) {
  const Depth depth(depth_, now().line);
  ExpressionPtr node;
  if (is_operator("-") || is_operator("+")) {
    node = make(Expression::Kind::kUnary, now().text);
    ++at_;
    add(*node, unary(false));
  } else {
    node = primary();
  }
  node = postfix(std::move(node));
  return with_filter ? filters_and_tests(std::move(node)) : std::move(node);
}

ExpressionPtr ExpressionParser::literal(Value value) {
  ExpressionPtr node = make(Expression::Kind::kLiteral);
  node->literal = std::move(value);
  ++at_;
  return node;
}

ExpressionPtr ExpressionParser::primary() {
  switch (now().kind) {
    case Kind::kInteger: return literal(static_cast<int64_t>(std::stoll(now().text)));
    case Kind::kFloat: return literal(std::stod(now().text));
    case Kind::kString: {
      std::string text = now().text;
      while (tokens_[at_ + 1].kind == Kind::kString)
        text += tokens_[++at_].text;  // adjacent texts join
      return literal(text);
    }
    case Kind::kName: {
      const std::string& name = now().text;
      if (name == "true" || name == "True") return literal(true);
      if (name == "false" || name == "False") return literal(false);
      if (name == "none" || name == "None") return literal(None{});
      ExpressionPtr node = make(Expression::Kind::kName, name);
      ++at_;
      return node;
    }
    case Kind::kOperator:
      if (now().text == "(") return parenthesis();
      if (now().text == "[") return list();
      if (now().text == "{") return dict();
      [[fallthrough]];
    default: fail(now().line, fmt::format("expected a value, got \"{}\"", now().text));
  }
}

ExpressionPtr ExpressionParser::parenthesis() {
  ExpressionPtr tuple = make(Expression::Kind::kList);
  ++at_;
  if (accept_operator(")")) return tuple;
  ExpressionPtr first = expression();
  if (accept_operator(")")) return first;
  add(*tuple, std::move(first));
  while (accept_operator(",")) {
    if (is_operator(")")) break;
    add(*tuple, expression());
  }
  expect_operator(")");
  return tuple;
}

ExpressionPtr ExpressionParser::list() {
  ExpressionPtr node = make(Expression::Kind::kList);
  ++at_;
  while (!accept_operator("]")) {
    add(*node, expression());
    if (!is_operator("]")) expect_operator(",");
  }
  return node;
}

ExpressionPtr ExpressionParser::dict() {
  ExpressionPtr node = make(Expression::Kind::kDict);
  ++at_;
  while (!accept_operator("}")) {
    add(*node, expression());
    expect_operator(":");
    add(*node, expression());
    if (!is_operator("}")) expect_operator(",");
  }
  return node;
}

ExpressionPtr ExpressionParser::postfix(ExpressionPtr node) {
  for (;;) {
    if (is_operator(".")) {
      ++at_;
      ExpressionPtr attribute = make(Expression::Kind::kAttribute, now().text);
      if (now().kind != Kind::kName && now().kind != Kind::kInteger)
        fail(now().line, "expected a name after \".\"");
      ++at_;
      add(*attribute, std::move(node));
      node = std::move(attribute);
    } else if (is_operator("[")) {
      node = subscript(std::move(node));
    } else if (is_operator("(")) {
      ExpressionPtr call = make(Expression::Kind::kCall);
      add(*call, std::move(node));
      arguments(*call);
      node = std::move(call);
    } else {
      return node;
    }
  }
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr object) {
  ExpressionPtr node = make(Expression::Kind::kItem);
  ++at_;
  add(*node, std::move(object));
  ExpressionPtr bounds[3];
  int count = 0;
  bool slice = false;
  while (!is_operator("]")) {
    if (accept_operator(":")) {
      slice = true;
      if (++count > 2) fail(now().line, "a slice has at most three parts");
    } else {
      bounds[count] = expression();
    }
  }
  ++at_;
  if (!slice && !bounds[0]) fail(node->line, "[] without an index");
  if (slice) {
    node->kind = Expression::Kind::kSlice;
    for (ExpressionPtr& bound : bounds) add(*node, std::move(bound));
  } else {
    add(*node, std::move(bounds[0]));
  }
  return node;
}

void ExpressionParser::arguments(Expression& call) {
  expect_operator("(");
  while (!accept_operator(")")) {
    if (is_operator("*") || is_operator("**"))
      fail(now().line, "arguments with * aren't supported");
    if (now().kind == Kind::kName && tokens_[at_ + 1].kind == Kind::kOperator &&
        tokens_[at_ + 1].text == "=") {
      const std::string name = take().text;
      ++at_;
      add(call, name, expression());
    } else {
      add(call, expression());
    }
    if (!is_operator(")")) expect_operator(",");
  }
}

ExpressionPtr ExpressionParser::filters_and_tests(ExpressionPtr node) {
  for (;;) {
    if (accept_operator("|")) {
      ExpressionPtr filter = make(Expression::Kind::kFilter, expect_name());
      add(*filter, std::move(node));
      if (is_operator("(")) arguments(*filter);
      node = std::move(filter);
    } else if (accept_name("is")) {
      const bool negated = accept_name("not");
      ExpressionPtr test = make(Expression::Kind::kTest, expect_name());
      test->negated = negated;
      add(*test, std::move(node));
      if (is_operator("(")) {
        arguments(*test);
      } else if (takes_bare_argument()) {
        add(*test, postfix(primary()));
      }
      node = std::move(test);
    } else {
      return node;
    }
  }
}

bool ExpressionParser::takes_bare_argument() const {
  switch (now().kind) {
    case Kind::kString:
    case Kind::kInteger:
    case Kind::kFloat: return true;
    case Kind::kName:
      for (const char* word : {"else", "or", "and", "is", "if", "in", "not"}) {
        if (now().text == word) return false;
      }
      return true;
    case Kind::kOperator: return now().text == "[" || now().text == "{";
    default: return false;
  }
}

}  // namespace candor::data::jinja
