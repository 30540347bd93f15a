#include "own_text.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "natlens/net/embedded.h"
#include "natlens/net/nearest.h"

#include "values.h"

namespace natlens::ruleset {
namespace {

constexpr std::size_t kMostOfAKind = 64;

class Block {
 public:
  Block(Cursor& cursor, std::string_view where) : cursor_(cursor), where_(where) {}

  Result<Nat64> nat64();
  Result<Npt> npt();

 private:
  Error error(const Token& token, std::string_view what) const {
    return {fmt::format("{}:{}:{}: {}", where_, token.line, token.column, what)};
  }
  template <std::size_t N, typename Member>
  Result<void> members(const std::array<std::string_view, N>& known, Rule& rule, Member member);
  Result<Prefix> prefix(bool v6);
  Result<void> pool(std::vector<Range>& out);

  Cursor& cursor_;
  std::string_view where_;
};

// "WORD { NAME VALUE; ... }": `member` reads the value of one of the known names.
template <std::size_t N, typename Member>
Result<void> Block::members(const std::array<std::string_view, N>& known,
                            Rule& rule,
                            Member member) {
  const std::size_t begin = cursor_.position();
  const Token word = cursor_.take();
  rule.place = {std::string(where_), word.line, word.column};
  cursor_.skip_newlines();
  if (!cursor_.accept("{")) {
    return error(cursor_.peek(), fmt::format("'{}' where {} should open with '{{'",
                                             cursor_.peek().text, word.text));
  }
  for (;;) {
    while (cursor_.peek().is("\n") || cursor_.peek().is(";")) cursor_.take();
    if (cursor_.accept("}")) {
      rule.text = cursor_.text_since(begin);
      return {};
    }
    const Token name = cursor_.take();
    if (name.at_end()) {
      return error(name, fmt::format("{} is not closed; expected '}}'", word.text));
    }
    if (std::find(known.begin(), known.end(), name.text) == known.end()) {
      return error(name, fmt::format("{} has no '{}'; did you mean '{}'?", word.text, name.text,
                                     nearest(name.text, known)));
    }
    if (auto done = member(name.text); !done) return done;
  }
}

Result<Prefix> Block::prefix(bool v6) {
  const Token token = cursor_.take();
  const auto found = parse_prefix(token.text);
  if (!found || found->address.is_v6() != v6) {
    return error(token, fmt::format("'{}' is no prefix; write for example {}", token.text,
                                    v6 ? "2001:db8:5::/48" : "192.0.2.0/24"));
  }
  return *found;
}

Result<void> Block::pool(std::vector<Range>& out) {
  Key address;
  address.field = Field::kSrc;
  address.family = Family::kIpv4;
  do {
    const Token token = cursor_.take();
    const auto range = read_range(token.text, address);
    const bool v4 = range && token.text.find(':') == std::string::npos;
    if (!v4) {
      return error(token, fmt::format("'{}' is no IPv4 address or range; write for example "
                                      "192.0.2.1-192.0.2.4",
                                      token.text));
    }
    out.push_back(*range);
  } while (cursor_.accept(","));
  return {};
}

Result<Nat64> Block::nat64() {
  Nat64 out;
  out.prefix = *parse_prefix("64:ff9b::/96");  // RFC 6052 2.1
  const Token word = cursor_.peek();
  const std::array<std::string_view, 2> known{"prefix", "pool"};
  auto done = members(known, out.rule, [&](std::string_view name) -> Result<void> {
    if (name == "pool") return pool(out.pool);
    const Token at = cursor_.peek();
    auto given = prefix(true);
    if (!given) return given.error();
    out.prefix = *given;
    if (embedded_form(given->bits) == nullptr) {
      return error(at, "a prefix for IPv4 addresses has 32, 40, 48, 56, 64 or 96 bits");
    }
    return {};
  });
  if (!done) return done.error();
  if (out.pool.empty()) return error(word, "nat64 needs 'pool' with its IPv4 addresses");
  return out;
}

Result<Npt> Block::npt() {
  Npt out;
  const Token word = cursor_.peek();
  const std::array<std::string_view, 2> known{"inside", "outside"};
  auto done = members(known, out.rule, [&](std::string_view name) -> Result<void> {
    auto given = prefix(true);
    if (!given) return given.error();
    (name == "inside" ? out.inside : out.outside) = *given;
    return {};
  });
  if (!done) return done.error();
  if (out.inside.bits == 0 || out.inside.bits != out.outside.bits || out.inside.bits > 112) {
    return error(word,
                 "npt needs 'inside' and 'outside', prefixes of the same length up to 112");
  }
  return out;
}

}  // namespace

Result<void> read_own(Cursor& cursor, std::string_view where, Ruleset& out, bool& handled) {
  const Token word = cursor.peek();
  handled = word.is("nat64") || word.is("npt");
  if (!handled) return {};
  if (out.nat64.size() + out.npt.size() >= kMostOfAKind) {
    return Error{
        fmt::format("{}:{}: more than {} translators", where, word.line, kMostOfAKind)};
  }
  Block block(cursor, where);
  if (word.is("nat64")) {
    auto read = block.nat64();
    if (!read) return read.error();
    out.nat64.push_back(std::move(*read));
  } else {
    auto read = block.npt();
    if (!read) return read.error();
    out.npt.push_back(std::move(*read));
  }
  return {};
}

}  // namespace natlens::ruleset
