// How much one rendering may still do, and where in the template it stands. Every step, and every
// byte and element that is looked at or made, is spent from one budget, and every recursion is
// counted, so that no template runs forever, fills the memory or ends the stack, whatever it nests.
//
// Usage:   Budget budget;   const Site site{line, &budget};   site.spend(text.size());   const
// Budget::Descent descent(site);
// spend() and Descent throw std::invalid_argument with the line. Not for several threads: each
// rendering has its own.
#pragma once

#include <cstddef>

#include <fmt/format.h>

#include "data_pipeline/chat/jinja_lexer.h"

namespace candor::data::jinja {

// The longest conversations that fit a model are a few MB, of which templates make less than ten
// copies.
constexpr std::size_t kMostWork = 100'000'000;
constexpr std::size_t kStepWork = 32;  // of looking at one value, expression or statement: it takes
                                       // as long as copying so many bytes
constexpr std::size_t kElementWork = 64;  // of a value in a list: about its bytes in memory
// Frames of the evaluation are below 4 KB, also with sanitizers, and a thread's stack has at least
// 8 MB.
constexpr int kDeepestDescent = 600;

class Budget;

struct Site {
  int line;
  Budget* budget;

  operator int() const { return line; }  // for fail(line, ...)
  void spend(std::size_t units) const;
};

class Budget {
 public:
  void spend(std::size_t units, int line) {
    if (units > left_)
      fail(line,
           fmt::format(
               "the template's loops, lists and texts go beyond {} steps and bytes; simplify it",
               kMostWork));
    left_ -= units;
  }

  class Descent {
   public:
    explicit Descent(const Site& site) : depth_(site.budget->depth_) {
      if (depth_ >= kDeepestDescent)
        fail(site.line,
             fmt::format("the template's expressions and macro calls are nested over {} deep",
                         kDeepestDescent));
      ++depth_;
    }
    ~Descent() { --depth_; }
    Descent(const Descent&) = delete;
    Descent& operator=(const Descent&) = delete;

   private:
    int& depth_;
  };

 private:
  std::size_t left_ = kMostWork;
  int depth_ = 0;
};

inline void Site::spend(std::size_t units) const { budget->spend(units, line); }

}  // namespace candor::data::jinja
