#include "data_pipeline/chat/jinja_expression_parser.h"

namespace candor::jinja {

ExpressionPtr ExpressionParser::make(Expression::Kind kind, std::string name) {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->line = now().line;
  node->name = std::move(name);
  return node;
}

ExpressionPtr ExpressionParser::tuple_or_expression() {
  ExpressionPtr first = expression();
  if (!is_operator(",")) return first;
  ExpressionPtr list = make(Expression::Kind::kList);
  list->parts.push_back(std::move(first));
  while (accept_operator(",")) list->parts.push_back(expression());
  return list;
}

ExpressionPtr ExpressionParser::expression() {
  const Depth depth(depth_, now().line);
  ExpressionPtr value = or_expression();
  while (is_name("if")) {
    ExpressionPtr node = make(Expression::Kind::kConditional);
    ++at_;
    node->parts.push_back(or_expression());
    node->parts.push_back(std::move(value));
    if (accept_name("else")) node->parts.push_back(expression());
    value = std::move(node);
  }
  return value;
}

ExpressionPtr ExpressionParser::or_expression() {
  ExpressionPtr left = and_expression();
  while (is_name("or")) left = joined(Expression::Kind::kOr, std::move(left), &ExpressionParser::and_expression);
  return left;
}

ExpressionPtr ExpressionParser::and_expression() {
  ExpressionPtr left = not_expression();
  while (is_name("and")) left = joined(Expression::Kind::kAnd, std::move(left), &ExpressionParser::not_expression);
  return left;
}

ExpressionPtr ExpressionParser::joined(Expression::Kind kind, ExpressionPtr left, ExpressionPtr (ExpressionParser::*right)()) {
  ExpressionPtr node = make(kind, now().text);
  ++at_;
  node->parts.push_back(std::move(left));
  node->parts.push_back((this->*right)());
  return node;
}

ExpressionPtr ExpressionParser::not_expression() {
  const Depth depth(depth_, now().line);
  if (!is_name("not")) return comparison();
  ExpressionPtr node = make(Expression::Kind::kNot);
  ++at_;
  node->parts.push_back(not_expression());
  return node;
}

ExpressionPtr ExpressionParser::comparison() {
  ExpressionPtr left = sum();
  ExpressionPtr chain;
  for (;;) {
    std::string name;
    if (now().kind == Kind::kOperator && (now().text == "==" || now().text == "!=" || now().text == "<" || now().text == ">" || now().text == "<=" ||
                                          now().text == ">=")) {
      name = take().text;
    } else if (is_name("in")) {
      name = take().text;
    } else if (is_name("not") && tokens_[at_ + 1].kind == Kind::kName && tokens_[at_ + 1].text == "in") {
      at_ += 2;
      name = "not in";
    } else {
      break;
    }
    if (!chain) {
      chain = make(Expression::Kind::kCompare);
      chain->parts.push_back(std::move(left));
    }
    chain->operators.push_back(name);
    chain->parts.push_back(sum());
  }
  return chain ? std::move(chain) : std::move(left);
}

ExpressionPtr ExpressionParser::sum() {
  ExpressionPtr left = concatenation();
  while (is_operator("+") || is_operator("-")) left = joined(Expression::Kind::kBinary, std::move(left), &ExpressionParser::concatenation);
  return left;
}

ExpressionPtr ExpressionParser::concatenation() {
  ExpressionPtr left = product();
  while (is_operator("~")) left = joined(Expression::Kind::kBinary, std::move(left), &ExpressionParser::product);
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
  while (is_operator("**")) left = joined(Expression::Kind::kBinary, std::move(left), &ExpressionParser::filtered_unary);
  return left;
}

ExpressionPtr ExpressionParser::filtered_unary() { return unary(true); }

ExpressionPtr ExpressionParser::unary(bool with_filter) {
  const Depth depth(depth_, now().line);
  ExpressionPtr node;
  if (is_operator("-") || is_operator("+")) {
    node = make(Expression::Kind::kUnary, now().text);
    ++at_;
    node->parts.push_back(unary(false));
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
      while (tokens_[at_ + 1].kind == Kind::kString) text += tokens_[++at_].text;  // adjacent texts join
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
  tuple->parts.push_back(std::move(first));
  while (accept_operator(",")) {
    if (is_operator(")")) break;
    tuple->parts.push_back(expression());
  }
  expect_operator(")");
  return tuple;
}

ExpressionPtr ExpressionParser::list() {
  ExpressionPtr node = make(Expression::Kind::kList);
  ++at_;
  while (!accept_operator("]")) {
    node->parts.push_back(expression());
    if (!is_operator("]")) expect_operator(",");
  }
  return node;
}

ExpressionPtr ExpressionParser::dict() {
  ExpressionPtr node = make(Expression::Kind::kDict);
  ++at_;
  while (!accept_operator("}")) {
    node->parts.push_back(expression());
    expect_operator(":");
    node->parts.push_back(expression());
    if (!is_operator("}")) expect_operator(",");
  }
  return node;
}

ExpressionPtr ExpressionParser::postfix(ExpressionPtr node) {
  for (;;) {
    if (is_operator(".")) {
      ++at_;
      ExpressionPtr attribute = make(Expression::Kind::kAttribute, now().text);
      if (now().kind != Kind::kName && now().kind != Kind::kInteger) fail(now().line, "expected a name after \".\"");
      ++at_;
      attribute->parts.push_back(std::move(node));
      node = std::move(attribute);
    } else if (is_operator("[")) {
      node = subscript(std::move(node));
    } else if (is_operator("(")) {
      ExpressionPtr call = make(Expression::Kind::kCall);
      call->parts.push_back(std::move(node));
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
  node->parts.push_back(std::move(object));
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
    for (ExpressionPtr& bound : bounds) node->parts.push_back(std::move(bound));
  } else {
    node->parts.push_back(std::move(bounds[0]));
  }
  return node;
}

void ExpressionParser::arguments(Expression& call) {
  expect_operator("(");
  while (!accept_operator(")")) {
    if (is_operator("*") || is_operator("**")) fail(now().line, "arguments with * aren't supported");
    if (now().kind == Kind::kName && tokens_[at_ + 1].kind == Kind::kOperator && tokens_[at_ + 1].text == "=") {
      const std::string name = take().text;
      ++at_;
      call.named.emplace_back(name, expression());
    } else {
      call.parts.push_back(expression());
    }
    if (!is_operator(")")) expect_operator(",");
  }
}

ExpressionPtr ExpressionParser::filters_and_tests(ExpressionPtr node) {
  for (;;) {
    if (accept_operator("|")) {
      ExpressionPtr filter = make(Expression::Kind::kFilter, expect_name());
      filter->parts.push_back(std::move(node));
      if (is_operator("(")) arguments(*filter);
      node = std::move(filter);
    } else if (accept_name("is")) {
      const bool negated = accept_name("not");
      ExpressionPtr test = make(Expression::Kind::kTest, expect_name());
      test->negated = negated;
      test->parts.push_back(std::move(node));
      if (is_operator("(")) {
        arguments(*test);
      } else if (takes_bare_argument()) {
        test->parts.push_back(postfix(primary()));
      }
      node = std::move(test);
    } else {
      return node;
    }
  }
}

bool ExpressionParser::takes_bare_argument() const {
  switch (now().kind) {
    case Kind::kString: case Kind::kInteger: case Kind::kFloat: return true;
    case Kind::kName:
      for (const char* word : {"else", "or", "and", "is", "if", "in", "not"}) {
        if (now().text == word) return false;
      }
      return true;
    case Kind::kOperator: return now().text == "[" || now().text == "{";
    default: return false;
  }
}

}  // namespace candor::jinja
