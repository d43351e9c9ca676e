// A parsed template: statements that hold expressions. Plain data; jinja_parser makes it,
// jinja_renderer walks it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data_pipeline/chat/jinja_value.h"

namespace candor::data::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct Expression {
  enum class Kind {
    kLiteral,
    kName,
    kList,
    kDict,
    kAttribute,
    kItem,
    kSlice,
    kCall,
    kFilter,
    kTest,
    kUnary,
    kBinary,
    kCompare,
    kAnd,
    kOr,
    kNot,
    kConditional
  };
  Kind kind;
  int line;
  std::string name{};  // of a name, attribute, filter, test or operator
  Value literal{};
  std::vector<ExpressionPtr>
      parts{};  // operands; of a call, filter or test the object first, then positional arguments
  std::vector<std::pair<std::string, ExpressionPtr>>
      named{};  // named arguments; a dict's entries have their key in parts
  std::vector<std::string> operators{};  // of a comparison chain
  bool negated = false;                  // of a test
  int height = 1;                        // of the tree below, itself included
};

struct Statement;
using Block = std::vector<Statement>;

struct Statement {
  enum class Kind { kText, kOutput, kIf, kFor, kSet, kSetBlock, kMacro, kBreak, kContinue };
  Kind kind;
  int line;
  std::string text{};  // kText; name of a macro; name of a namespace's attribute in kSet
  std::vector<std::string> names{};          // targets of set and for; parameters of a macro
  std::vector<ExpressionPtr> expressions{};  // output; conditions of if, elif; what for walks and
                                             // its filter; set's value; a macro's defaults
  std::vector<Block> blocks{};  // if: one for each condition, then else; for: body, else; macro and
                                // block set: body
};

}  // namespace candor::data::jinja
