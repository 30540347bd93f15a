// Right sides: values, lists, sets and maps.
#include <fmt/format.h>

#include "nft_select.h"
#include "values.h"

namespace natlens::ruleset {
namespace {

constexpr std::size_t kMostElements = 1U << 20;

// How the data of a map is read: addresses and numbers look different enough.
const Key kDataKey = [] {
  Key key;
  key.field = Field::kDst;
  return key;
}();

bool read_part(Cursor& cursor, const Key& key, std::vector<Range>& out) {
  const auto range = read_range(cursor.take().text, key);
  if (range) {
    out.push_back(*range);
  }
  return range.has_value();
}

// "10.0.0.1 . 80"
bool read_parts(Cursor& cursor, const std::vector<Key>& keys, std::vector<Range>& out) {
  for (std::size_t i = 0;; ++i) {
    if (!read_part(cursor, i < keys.size() ? keys[i] : kDataKey, out)) {
      return false;
    }
    if (!cursor.accept(".")) {
      return true;
    }
  }
}

// What may follow a member without changing what it is: timeouts, counters, comments.
void skip_decoration(Cursor& cursor) {
  while (!cursor.statement_ends() && !cursor.peek().is(",") && !cursor.peek().is(":")) {
    cursor.take();
  }
}

bool read_element(Cursor& cursor, const std::vector<Key>& keys, bool verdicts, Element& out) {
  if (!cursor.accept("*") && !read_parts(cursor, keys, out.parts)) {
    return false;
  }
  skip_decoration(cursor);
  cursor.skip_newlines();
  if (!cursor.accept(":")) {
    return !out.parts.empty();
  }
  cursor.skip_newlines();
  if (Verdict verdict; read_verdict(cursor, verdict)) {
    out.verdict = verdict;
  } else if (verdicts || !read_parts(cursor, {}, out.data)) {
    return false;
  }
  skip_decoration(cursor);
  return true;
}

void skip_element(Cursor& cursor) {
  while (!cursor.peek().at_end() && !cursor.peek().is(",") && !cursor.peek().is("}")) {
    cursor.take();
  }
}

// A range from below or above a bound.
Range bounded(std::string_view op, const Range& value) {
  Range range;
  range.high.fill(0xff);
  const std::uint64_t bound = low_bits(value.low);
  if (op == "<" || op == "<=") {
    range.high = op == "<=" ? value.low : number_of(bound == 0 ? 0 : bound - 1);
    if (op == "<" && bound == 0) {
      range.low.fill(0xff);  // nothing is below
      range.high.fill(0);
    }
  } else {
    range.low = op == ">=" ? value.low : number_of(bound + 1);
  }
  return range;
}

Statement unknown(const Context& context, const Token& token, std::string what) {
  context.gap(token, std::move(what));
  Statement statement;
  statement.kind = ActionKind::kUnknownMatch;
  return statement;
}

// "established,related", or flags under a mask: "syn / fin,syn,rst,ack".
bool read_flags(Cursor& cursor, Statement& statement, std::string_view op) {
  Key& key = statement.keys.front();
  const auto bits = read_bits(cursor, key);
  if (!bits) {
    return false;
  }
  if (cursor.accept("/")) {
    const auto mask = read_bits(cursor, key);
    if (!mask) {
      return false;
    }
    key.mask = mask;
  } else if (op.empty() && !key.mask) {
    statement.compare = Compare::kAnyBit;
  }
  Element element;
  element.parts.push_back({*bits, *bits, ""});
  statement.set->elements.push_back(std::move(element));
  return true;
}

bool read_values(Cursor& cursor, Statement& statement, std::string_view op) {
  if (statement.keys.size() == 1 && is_flags(statement.keys.front().field)) {
    return read_flags(cursor, statement, op);
  }
  if (op == "<" || op == ">" || op == "<=" || op == ">=") {
    std::vector<Range> parts;
    if (!read_part(cursor, statement.keys.front(), parts)) {
      return false;
    }
    statement.set->elements.push_back({{bounded(op, parts.front())}, std::nullopt, {}});
    return true;
  }
  Element element;
  if (!read_parts(cursor, statement.keys, element.parts)) {
    return false;
  }
  statement.set->elements.push_back(std::move(element));
  return true;
}

}  // namespace

void read_elements(Cursor& cursor,
                   const Context& context,
                   const std::vector<Key>& keys,
                   bool verdicts,
                   Set& set) {
  for (;;) {
    cursor.skip_newlines();
    if (cursor.accept("}") || cursor.peek().at_end()) {
      return;
    }
    if (cursor.accept(",")) {
      continue;
    }
    const Token start = cursor.peek();
    Element element;
    if (set.elements.size() < kMostElements && read_element(cursor, keys, verdicts, element)) {
      set.elements.push_back(std::move(element));
    } else {
      context.gap(start, fmt::format("member '{}' of a set is not understood", start.text));
      set.changes = true;
      skip_element(cursor);
    }
  }
}

std::shared_ptr<Set> read_set(Cursor& cursor,
                              const Context& context,
                              const std::vector<Key>& keys) {
  if (cursor.accept("{")) {
    auto set = std::make_shared<Set>();
    read_elements(cursor, context, keys, false, *set);
    return set;
  }
  const Token& token = cursor.peek();
  if (token.text.size() > 1 && token.text[0] == '@') {
    return context.named_set(cursor.take().text.substr(1));
  }
  return nullptr;
}

Statement read_match(Cursor& cursor, const Context& context, std::vector<Key> keys) {
  Statement statement;
  statement.keys = std::move(keys);
  const Token start = cursor.peek();
  if (cursor.accept("&") || cursor.accept("and")) {
    const auto mask = read_bits(cursor, statement.keys.back());
    if (!mask) {
      return unknown(context, start, fmt::format("mask '{}' is not understood", start.text));
    }
    statement.keys.back().mask = mask;
  }
  std::string op;
  for (const std::string_view known : {"==", "!=", "<", ">", "<=", ">="}) {
    if (op.empty() && cursor.accept(known)) {
      op = known;
    }
  }
  statement.compare = op == "!=" ? Compare::kNotEqual : Compare::kEqual;
  const Token value = cursor.peek();
  statement.set = read_set(cursor, context, statement.keys);
  if (statement.set) {
    return statement;
  }
  statement.set = std::make_shared<Set>();
  const bool known = statement.keys.front().field != Field::kUnknown;
  if (cursor.statement_ends() || !read_values(cursor, statement, op)) {
    if (known) {
      return unknown(context, value, fmt::format("value '{}' is not understood", value.text));
    }
    statement.kind = ActionKind::kUnknownMatch;
  }
  return statement;
}

}  // namespace natlens::ruleset
