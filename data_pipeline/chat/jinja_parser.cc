#include "data_pipeline/chat/jinja_parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "data_pipeline/chat/jinja_expression_parser.h"

namespace candor::data::jinja {
namespace {

class Parser : private ExpressionParser {
 public:
  explicit Parser(std::string_view source) : ExpressionParser(tokenize(source)) {}

  Block parse_all() {
    Block block = statements({});
    if (now().kind != Kind::kEnd)
      fail(now().line, fmt::format("unexpected {{% {} %}}", tokens_[at_ + 1].text));
    return block;
  }

 private:
  bool at_tag(const std::vector<std::string>& ends) const {
    return now().kind == Kind::kBlockBegin &&
           std::count(ends.begin(), ends.end(), tokens_[at_ + 1].text) > 0;
  }
  // Takes "{% name", leaving the rest.
  std::string begin_tag() {
    ++at_;
    return expect_name();
  }
  void end_tag(const std::string& name, int opened) {
    if (!at_tag({name}))
      fail(opened, fmt::format("{{% {} %}} isn't closed by {{% {} %}}", name.substr(3), name));
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
        if (now().kind != Kind::kVariableEnd)
          fail(now().line, fmt::format("expected }}}}, got \"{}\"", now().text));
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
      block.push_back(
          {.kind = name == "break" ? Statement::Kind::kBreak : Statement::Kind::kContinue,
           .line = line});
      return;
    }
    if (name == "generation") {  // transformers' mark around the assistant's text; it renders what
                                 // is inside
      end_block();
      Block inner = statements({"endgeneration"});
      end_tag("endgeneration", line);
      std::move(inner.begin(), inner.end(), std::back_inserter(block));
      return;
    }
    if (name == "elif" || name == "else" || name.starts_with("end"))
      fail(line, fmt::format("{{% {} %}} without its beginning", name));
    fail(line, fmt::format("{{% {} %}} isn't supported (supported: if, for, set, macro, break, "
                           "continue, generation)",
                           name));
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
    statement.expressions.push_back(
        or_expression());  // "if" begins the filter here, no conditional
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

  int loops_ = 0;
};

}  // namespace

Block parse(std::string_view source) { return Parser(source).parse_all(); }

}  // namespace candor::data::jinja
