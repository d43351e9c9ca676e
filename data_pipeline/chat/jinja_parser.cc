#include "data_pipeline/chat/jinja_parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "data_pipeline/chat/jinja_lexer.h"

namespace candor::jinja {
namespace {

using Kind = Token::Kind;
constexpr int kDeepest = 200;  // of nested expressions and blocks: a hostile template must not end the stack

class Parser {
 public:
  explicit Parser(std::string_view source) : tokens_(tokenize(source)) {}

  Block parse_all() {
    Block block = statements({});
    if (now().kind != Kind::kEnd) fail(now().line, fmt::format("unexpected {{% {} %}}", tokens_[at_ + 1].text));
    return block;
  }

 private:
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
  bool is_operator(std::string_view text) const { return now().kind == Kind::kOperator && now().text == text; }
  bool is_name(std::string_view text) const { return now().kind == Kind::kName && now().text == text; }
  bool accept_operator(std::string_view text) { return is_operator(text) && (++at_, true); }
  bool accept_name(std::string_view text) { return is_name(text) && (++at_, true); }
  void expect_operator(std::string_view text) {
    if (!accept_operator(text)) fail(now().line, fmt::format("expected \"{}\", got \"{}\"", text, now().text));
  }
  std::string expect_name() {
    if (now().kind != Kind::kName) fail(now().line, fmt::format("expected a name, got \"{}\"", now().text));
    return take().text;
  }
  void end_block() {
    if (now().kind != Kind::kBlockEnd) fail(now().line, fmt::format("expected %}}, got \"{}\"", now().text));
    ++at_;
  }
  bool at_tag(const std::vector<std::string>& ends) const {
    return now().kind == Kind::kBlockBegin && std::count(ends.begin(), ends.end(), tokens_[at_ + 1].text) > 0;
  }
  // Takes "{% name", leaving the rest.
  std::string begin_tag() {
    ++at_;
    return expect_name();
  }
  void end_tag(const std::string& name, int opened) {
    if (!at_tag({name})) fail(opened, fmt::format("{{% {} %}} isn't closed by {{% {} %}}", name.substr(3), name));
    begin_tag();
    if (name == "endmacro" && now().kind == Kind::kName) ++at_;
    end_block();
  }

  Block statements(const std::vector<std::string>& ends) {
    const Depth depth(depth_, now().line);
    Block block;
    while (now().kind != Kind::kEnd && !at_tag(ends)) {
      if (now().kind == Kind::kText) {
        block.push_back({.kind = Statement::Kind::kText, .line = now().line, .text = now().text});
        ++at_;
      } else if (now().kind == Kind::kVariableBegin) {
        const int line = take().line;
        block.push_back({.kind = Statement::Kind::kOutput, .line = line});
        block.back().expressions.push_back(expression());
        if (now().kind != Kind::kVariableEnd) fail(now().line, fmt::format("expected }}}}, got \"{}\"", now().text));
        ++at_;
      } else {
        tag(block);
      }
    }
    return block;
  }

  void tag(Block& block) {
    const int line = now().line;
    const std::string name = begin_tag();
    if (name == "if") return if_tag(block, line);
    if (name == "for") return for_tag(block, line);
    if (name == "set") return set_tag(block, line);
    if (name == "macro") return macro_tag(block, line);
    if (name == "break" || name == "continue") {
      if (loops_ == 0) fail(line, fmt::format("{{% {} %}} outside a loop", name));
      end_block();
      block.push_back({.kind = name == "break" ? Statement::Kind::kBreak : Statement::Kind::kContinue, .line = line});
      return;
    }
    if (name == "generation") {  // transformers' mark around the assistant's text; it renders what is inside
      end_block();
      Block inner = statements({"endgeneration"});
      end_tag("endgeneration", line);
      std::move(inner.begin(), inner.end(), std::back_inserter(block));
      return;
    }
    if (name == "elif" || name == "else" || name.starts_with("end")) fail(line, fmt::format("{{% {} %}} without its beginning", name));
    fail(line, fmt::format("{{% {} %}} isn't supported (supported: if, for, set, macro, break, continue, generation)", name));
  }

  void if_tag(Block& block, int line) {
    Statement statement{.kind = Statement::Kind::kIf, .line = line};
    statement.expressions.push_back(expression());
    end_block();
    for (;;) {
      statement.blocks.push_back(statements({"elif", "else", "endif"}));
      if (!at_tag({"elif"})) break;
      begin_tag();
      statement.expressions.push_back(expression());
      end_block();
    }
    if (at_tag({"else"})) {
      begin_tag();
      end_block();
      statement.blocks.push_back(statements({"endif"}));
    }
    end_tag("endif", line);
    block.push_back(std::move(statement));
  }

  void for_tag(Block& block, int line) {
    Statement statement{.kind = Statement::Kind::kFor, .line = line};
    const bool parenthesis = accept_operator("(");
    do statement.names.push_back(expect_name());
    while (accept_operator(","));
    if (parenthesis) expect_operator(")");
    if (!accept_name("in")) fail(line, "for: expected \"in\"");
    statement.expressions.push_back(or_expression());  // "if" begins the filter here, no conditional
    if (accept_name("if")) statement.expressions.push_back(expression());
    if (is_name("recursive")) fail(line, "{% for ... recursive %} isn't supported");
    end_block();
    ++loops_;
    statement.blocks.push_back(statements({"else", "endfor"}));
    --loops_;
    if (at_tag({"else"})) {
      begin_tag();
      end_block();
      statement.blocks.push_back(statements({"endfor"}));
    }
    end_tag("endfor", line);
    block.push_back(std::move(statement));
  }

  void set_tag(Block& block, int line) {
    Statement statement{.kind = Statement::Kind::kSet, .line = line};
    statement.names.push_back(expect_name());
    if (accept_operator(".")) {
      statement.text = expect_name();
    } else {
      while (accept_operator(",")) statement.names.push_back(expect_name());
    }
    if (accept_operator("=")) {
      statement.expressions.push_back(tuple_or_expression());
      end_block();
    } else {
      if (statement.names.size() > 1 || !statement.text.empty()) fail(line, "set: expected \"=\"");
      if (is_operator("|")) fail(line, "{% set x | filter %} isn't supported");
      statement.kind = Statement::Kind::kSetBlock;
      end_block();
      statement.blocks.push_back(statements({"endset"}));
      end_tag("endset", line);
    }
    block.push_back(std::move(statement));
  }

  void macro_tag(Block& block, int line) {
    Statement statement{.kind = Statement::Kind::kMacro, .line = line, .text = expect_name()};
    expect_operator("(");
    while (!accept_operator(")")) {
      statement.names.push_back(expect_name());
      statement.expressions.push_back(accept_operator("=") ? expression() : nullptr);
      if (!is_operator(")")) expect_operator(",");
    }
    end_block();
    const int loops = std::exchange(loops_, 0);
    statement.blocks.push_back(statements({"endmacro"}));
    loops_ = loops;
    end_tag("endmacro", line);
    block.push_back(std::move(statement));
  }

  // Expressions, weakest binding first; the order is Jinja's.
  ExpressionPtr make(Expression::Kind kind, std::string name = "") {
    auto node = std::make_unique<Expression>();
    node->kind = kind;
    node->line = now().line;
    node->name = std::move(name);
    return node;
  }

  ExpressionPtr tuple_or_expression() {
    ExpressionPtr first = expression();
    if (!is_operator(",")) return first;
    ExpressionPtr list = make(Expression::Kind::kList);
    list->parts.push_back(std::move(first));
    while (accept_operator(",")) list->parts.push_back(expression());
    return list;
  }

  ExpressionPtr expression() {
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

  ExpressionPtr or_expression() {
    ExpressionPtr left = and_expression();
    while (is_name("or")) left = joined(Expression::Kind::kOr, std::move(left), &Parser::and_expression);
    return left;
  }
  ExpressionPtr and_expression() {
    ExpressionPtr left = not_expression();
    while (is_name("and")) left = joined(Expression::Kind::kAnd, std::move(left), &Parser::not_expression);
    return left;
  }
  // Takes the operator at hand and the operand on its right.
  ExpressionPtr joined(Expression::Kind kind, ExpressionPtr left, ExpressionPtr (Parser::*right)()) {
    ExpressionPtr node = make(kind, now().text);
    ++at_;
    node->parts.push_back(std::move(left));
    node->parts.push_back((this->*right)());
    return node;
  }
  ExpressionPtr not_expression() {
    const Depth depth(depth_, now().line);
    if (!is_name("not")) return comparison();
    ExpressionPtr node = make(Expression::Kind::kNot);
    ++at_;
    node->parts.push_back(not_expression());
    return node;
  }

  ExpressionPtr comparison() {
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

  ExpressionPtr sum() {
    ExpressionPtr left = concatenation();
    while (is_operator("+") || is_operator("-")) left = joined(Expression::Kind::kBinary, std::move(left), &Parser::concatenation);
    return left;
  }
  ExpressionPtr concatenation() {
    ExpressionPtr left = product();
    while (is_operator("~")) left = joined(Expression::Kind::kBinary, std::move(left), &Parser::product);
    return left;
  }
  ExpressionPtr product() {
    ExpressionPtr left = power();
    while (is_operator("*") || is_operator("/") || is_operator("//") || is_operator("%")) {
      left = joined(Expression::Kind::kBinary, std::move(left), &Parser::power);
    }
    return left;
  }
  ExpressionPtr power() {
    ExpressionPtr left = unary(true);
    while (is_operator("**")) left = joined(Expression::Kind::kBinary, std::move(left), &Parser::filtered_unary);
    return left;
  }
  ExpressionPtr filtered_unary() { return unary(true); }

  ExpressionPtr unary(bool with_filter) {
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

  ExpressionPtr literal(Value value) {
    ExpressionPtr node = make(Expression::Kind::kLiteral);
    node->literal = std::move(value);
    ++at_;
    return node;
  }

  ExpressionPtr primary() {
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

  ExpressionPtr parenthesis() {
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

  ExpressionPtr list() {
    ExpressionPtr node = make(Expression::Kind::kList);
    ++at_;
    while (!accept_operator("]")) {
      node->parts.push_back(expression());
      if (!is_operator("]")) expect_operator(",");
    }
    return node;
  }

  ExpressionPtr dict() {
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

  ExpressionPtr postfix(ExpressionPtr node) {
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

  ExpressionPtr subscript(ExpressionPtr object) {
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

  void arguments(Expression& call) {
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

  ExpressionPtr filters_and_tests(ExpressionPtr node) {
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

  // `x is divisibleby 3`, `x is in names`: an argument without parentheses.
  bool takes_bare_argument() const {
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

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0, loops_ = 0;
};

}  // namespace

Block parse(std::string_view source) { return Parser(source).parse_all(); }

}  // namespace candor::jinja
