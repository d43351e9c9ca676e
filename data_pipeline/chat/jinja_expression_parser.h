// Expressions of a template, weakest binding first, in Jinja's order; and the walk over tokens that
// statements share.
// Throws std::invalid_argument naming construct and line for what isn't supported.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "data_pipeline/chat/jinja_ast.h"
#include "data_pipeline/chat/jinja_lexer.h"

namespace candor::data::jinja {

class ExpressionParser {
 protected:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  using Kind = Token::Kind;
  // Of nested expressions and blocks, and of chains (a + b + c, a.b.c), which make trees as high as
  // they are long: a hostile template must not end the stack while it is read, evaluated or
  // destroyed.
  static constexpr int kDeepest = 200;

  struct Depth {
    Depth(int& depth, int line) : value(depth) {
      if (++value > kDeepest) fail(line, "the template is nested too deeply");
    }
    ~Depth() { --value; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;
    int& value;
  };

  const Token& now() const { return tokens_[at_]; }
  const Token& take() { return tokens_[at_++]; }
  bool is_operator(std::string_view text) const {
    return now().kind == Kind::kOperator && now().text == text;
  }
  bool is_name(std::string_view text) const {
    return now().kind == Kind::kName && now().text == text;
  }
  bool accept_operator(std::string_view text) { return is_operator(text) && (++at_, true); }
  bool accept_name(std::string_view text) { return is_name(text) && (++at_, true); }
  void expect_operator(std::string_view text) {
    if (!accept_operator(text))
      fail(now().line, fmt::format("expected \"{}\", got \"{}\"", text, now().text));
  }
  std::string expect_name() {
    if (now().kind != Kind::kName)
      fail(now().line, fmt::format("expected a name, got \"{}\"", now().text));
    return take().text;
  }
  void end_block() {
    if (now().kind != Kind::kBlockEnd)
      fail(now().line, fmt::format("expected %}}, got \"{}\"", now().text));
    ++at_;
  }

  ExpressionPtr expression();
  ExpressionPtr or_expression();  // without a conditional
  ExpressionPtr tuple_or_expression();

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;

 private:
  ExpressionPtr make(Expression::Kind kind, std::string name = "");
  // Hangs `part` (null: a part that isn't given) under `node`.
  static void add(Expression& node, ExpressionPtr part);
  static void add(Expression& node, std::string name, ExpressionPtr part);
  static void grow(Expression& node, const Expression& part);
  ExpressionPtr and_expression();
  // Takes the operator at hand and the operand on its right.
  ExpressionPtr joined(Expression::Kind kind, ExpressionPtr left,
                       ExpressionPtr (ExpressionParser::*right)());
  ExpressionPtr not_expression();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr filtered_unary();
  ExpressionPtr unary(bool with_filter);
  ExpressionPtr literal(Value value);
  ExpressionPtr primary();
  ExpressionPtr parenthesis();
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr postfix(ExpressionPtr node);
  ExpressionPtr subscript(ExpressionPtr object);
  void arguments(Expression& call);
  ExpressionPtr filters_and_tests(ExpressionPtr node);
  // `x is divisibleby 3`, `x is in names`: an argument without parentheses.
  bool takes_bare_argument() const;
};

}  // namespace candor::data::jinja
