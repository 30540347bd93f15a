#include "tokens.h"

namespace natlens::ruleset {
namespace {

bool stands_alone(char c) {
  return c == '{' || c == '}' || c == ';' || c == ',' || c == '(' || c == ')';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}
bool ends_word(char c) {
  return is_blank(c) || c == '\n' || c == '"' || c == '#' || stands_alone(c);
}

class Tokenizer {
 public:
  Tokenizer(std::string_view text, std::uint32_t line) : text_(text), line_(line) {}

  std::vector<Token> run() {
    while (at_ < text_.size()) {
      step();
    }
    put("", at_, false);
    return std::move(out_);
  }

 private:
  void put(std::string text, std::size_t begin, bool quoted) {
    out_.push_back(
        {std::move(text), line_, static_cast<std::uint32_t>(begin - line_begin_ + 1), quoted});
  }

  void step() {
    const std::size_t begin = at_;
    const char c = text_[at_];
    if (is_blank(c) || (c == '\\' && text_.substr(at_ + 1, 1) == "\n")) {
      ++at_;
    } else if (c == '\n') {
      put("\n", begin, false);
      ++at_;
      ++line_;
      line_begin_ = at_;
    } else if (c == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == '"') {
      quoted();
    } else if (stands_alone(c)) {
      put(std::string(1, c), begin, false);
      ++at_;
    } else {
      while (at_ < text_.size() && !ends_word(text_[at_])) {
        ++at_;
      }
      put(std::string(text_.substr(begin, at_ - begin)), begin, false);
    }
  }

  void quoted() {
    const std::size_t begin = at_++;
    std::string text;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n') {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        ++at_;
      }
      text += text_[at_++];
    }
    if (at_ < text_.size() && text_[at_] == '"') {
      ++at_;
    }
    put(std::move(text), begin, true);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_begin_ = 0;
  std::uint32_t line_;
  std::vector<Token> out_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view text, std::uint32_t first_line) {
  return Tokenizer(text, first_line).run();
}

std::string Cursor::text_since(std::size_t position) const {
  std::string out;
  for (std::size_t i = position; i < at_; ++i) {
    const Token& token = (*tokens_)[i];
    if (token.is("\n")) {
      continue;
    }
    if (!out.empty() && !token.is(",") && !token.is(";")) {
      out += ' ';
    }
    out += token.quoted ? '"' + token.text + '"' : token.text;
  }
  return out;
}

}  // namespace natlens::ruleset
