// Rule text in words, as nft prints it: words end at white space and at { } ; , ( ), so that
// "10.0.0.80:8080", "8000-8009" and "@set" are one word each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace natlens::ruleset {

struct Token {
  std::string text;  // "\n" where a line ends; "" at the end
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  bool quoted = false;

  bool is(std::string_view word) const { return !quoted && text == word; }
  bool at_end() const { return !quoted && text.empty(); }
};

// Always ends with an empty token. Comments (#) are left out.
std::vector<Token> tokenize(std::string_view text, std::uint32_t first_line = 1);

// A place in tokens; never moves beyond the last.
class Cursor {
 public:
  explicit Cursor(const std::vector<Token>& tokens) : tokens_(&tokens) {}

  const Token& peek(std::size_t ahead = 0) const {
    const std::size_t at = at_ + ahead;
    return (*tokens_)[at < tokens_->size() ? at : tokens_->size() - 1];
  }
  Token take() {
    const Token& token = peek();
    if (at_ + 1 < tokens_->size()) ++at_;
    return token;
  }
  bool accept(std::string_view word) {
    if (!peek().is(word)) return false;
    take();
    return true;
  }
  void skip_newlines() {
    while (peek().is("\n")) take();
  }
  bool statement_ends() const {
    return peek().at_end() || peek().is("\n") || peek().is(";") || peek().is("}");
  }
  std::size_t position() const { return at_; }
  void back_to(std::size_t position) { at_ = position; }
  // The words from a position to here, as text.
  std::string text_since(std::size_t position) const;

 private:
  const std::vector<Token>* tokens_;
  std::size_t at_ = 0;
};

}  // namespace natlens::ruleset
