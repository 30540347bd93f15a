#include "nft_rule.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "nft_nat.h"
#include "values.h"

namespace natlens::ruleset {
namespace {

class RuleReader {
 public:
  RuleReader(Cursor& cursor, const Context& context) : cursor_(cursor), context_(context) {}

  Rule run() {
    const std::size_t start = cursor_.position();
    rule_.place = context_.at(cursor_.peek());
    while (!cursor_.statement_ends()) {
      statement();
    }
    rule_.text = cursor_.text_since(start);
    return std::move(rule_);
  }

 private:
  void statement();
  bool simple(const Token& first);
  bool ct_set();
  bool mark_set();
  bool nat();
  bool match();
  void unknown(const Token& first);
  void balanced();
  void set_operation();

  Statement& add(ActionKind kind) {
    rule_.statements.emplace_back();
    rule_.statements.back().kind = kind;
    return rule_.statements.back();
  }
  void verdict(VerdictKind kind) { add(ActionKind::kVerdict).verdict.kind = kind; }

  Cursor& cursor_;
  const Context& context_;
  Rule rule_;
};

// Words that begin something with no effect on what is decided here, with all that follows.
constexpr auto kHarmless = std::to_array<std::string_view>({"flow"});
// Words that change where a packet goes, or what it is, in ways that are not modelled.
constexpr auto kFateful =
    std::to_array<std::string_view>({"queue", "tproxy", "dup", "fwd", "synproxy", "offload"});

bool is_one_of(const Token& token, auto& words) {
  return !token.quoted && std::find(words.begin(), words.end(), token.text) != words.end();
}

// Does this word begin a statement? After something unknown, reading goes on here.
bool begins_statement(const Token& token) {
  static constexpr auto kWords = std::to_array<std::string_view>(
      {"accept", "drop", "reject", "return", "jump", "goto", "counter", "log", "snat", "dnat",
       "masquerade", "redirect", "notrack", "comment", "queue", "tproxy"});
  return is_one_of(token, kWords);
}

void RuleReader::statement() {
  Verdict found;
  if (read_verdict(cursor_, found)) {
    add(ActionKind::kVerdict).verdict = found;
    return;
  }
  const Token first = cursor_.peek();
  if (simple(first) || nat() || ct_set() || mark_set() || match()) {
    return;
  }
  unknown(first);
}

void RuleReader::balanced() {
  int depth = 0;
  do {
    const Token token = cursor_.take();
    depth += token.is("{") ? 1 : token.is("}") ? -1 : 0;
  } while (depth > 0 && !cursor_.peek().at_end());
}

// "add @set { ... }": the set changes as packets come.
void RuleReader::set_operation() {
  cursor_.take();
  const Token name = cursor_.take();
  if (name.text.size() > 1 && name.text[0] == '@') {
    context_.named_set(name.text.substr(1))->changes = true;
  }
  if (cursor_.peek().is("{")) {
    balanced();
  }
}

bool RuleReader::simple(const Token& first) {
  if (first.quoted) {
    return false;
  }
  if (first.is("counter")) {
    cursor_.take();
    if (cursor_.accept("name")) {
      cursor_.take();
    }
    while (cursor_.peek().is("packets") || cursor_.peek().is("bytes")) {
      cursor_.take();
      cursor_.take();
    }
  } else if (first.is("log")) {
    cursor_.take();
    while (cursor_.accept("prefix") || cursor_.accept("level") || cursor_.accept("group") ||
           cursor_.accept("snaplen") || cursor_.accept("queue-threshold") ||
           cursor_.accept("flags")) {
      cursor_.take();
    }
  } else if (first.is("comment")) {
    cursor_.take();
    rule_.comment = cursor_.take().text;
  } else if (first.is("reject")) {
    cursor_.take();
    if (cursor_.accept("with")) {
      while (!cursor_.statement_ends() && !cursor_.peek().is("comment")) {
        cursor_.take();
      }
    }
    verdict(VerdictKind::kReject);
  } else if (first.is("notrack")) {
    cursor_.take();
    add(ActionKind::kNotrack);
  } else if (first.is("add") || first.is("update") || first.is("delete")) {
    set_operation();
  } else if (is_one_of(first, kHarmless)) {
    while (!cursor_.statement_ends()) {
      cursor_.take();
    }
  } else if (is_one_of(first, kFateful)) {
    context_.gap(first, fmt::format("'{}' is not modelled", first.text));
    add(ActionKind::kUnknownAction);
    while (!cursor_.statement_ends() && !begins_statement(cursor_.peek(1))) {
      cursor_.take();
    }
    cursor_.take();
  } else {
    return false;
  }
  return true;
}

// "ct helper set", "ct [original] zone set", "ct event set"; "ct mark set" is with the marks.
bool RuleReader::ct_set() {
  if (!cursor_.peek().is("ct")) {
    return false;
  }
  const bool sided = cursor_.peek(1).is("original") || cursor_.peek(1).is("reply");
  const std::size_t at = sided ? 2 : 1;
  if (!cursor_.peek(at + 1).is("set") || cursor_.peek(at).is("mark")) {
    return false;
  }
  const Token what = cursor_.peek(at);
  const bool reply_side = cursor_.peek(1).is("reply");
  for (std::size_t i = 0; i < at + 2; ++i) {
    cursor_.take();
  }
  const Token value = cursor_.peek();
  if (what.is("helper")) {
    const auto found = context_.helpers.find(context_.table + " " + cursor_.take().text);
    add(ActionKind::kHelper).text =
        found == context_.helpers.end() ? value.text : found->second;
  } else if (what.is("zone") && read_number(value.text)) {
    cursor_.take();
    Statement& statement = add(ActionKind::kZone);
    statement.number = static_cast<std::uint32_t>(read_number(value.text).value_or(0));
    statement.original = !sided || !reply_side;
    statement.reply = !sided || reply_side;
  } else {
    if (what.is("zone")) {
      add(ActionKind::kUnknownAction);
    }
    if (!what.is("event") && !what.is("label") && !what.is("timeout")) {
      context_.gap(what, fmt::format("'ct {} set' is not modelled", what.text));
    }
    while (!cursor_.statement_ends() && !begins_statement(cursor_.peek())) {
      cursor_.take();
    }
  }
  return true;
}

// "meta mark set 0x1", "ct mark set ct mark | 0x4000", "meta mark set ct mark".
bool RuleReader::mark_set() {
  const std::size_t start = cursor_.position();
  const bool of_ct = cursor_.accept("ct");
  const bool meta = !of_ct && cursor_.accept("meta");
  if (meta && cursor_.peek(1).is("set") && !cursor_.peek().is("mark")) {
    cursor_.take();  // nftrace, priority, pkttype: nothing that is decided here
    cursor_.take();
    cursor_.take();
    return true;
  }
  if (!cursor_.accept("mark") || !cursor_.accept("set")) {
    cursor_.back_to(start);
    return false;
  }
  (of_ct ? context_.out.sets_ct_mark : context_.out.sets_mark) = true;
  const bool from_ct = cursor_.accept("ct");
  const bool from_meta = !from_ct && cursor_.accept("meta");
  const bool from_mark = cursor_.accept("mark");
  Statement statement;
  statement.kind = of_ct ? ActionKind::kSetCtMark : ActionKind::kSetMark;
  std::string op;
  for (const std::string_view word : {"or", "|", "and", "&", "xor", "^"}) {
    if (op.empty() && from_mark && cursor_.accept(word)) {
      op = word;
    }
  }
  const bool copies = from_mark && from_ct != of_ct && (from_ct || from_meta || of_ct);
  if (copies && op.empty()) {
    statement.kind = of_ct ? ActionKind::kSaveMark : ActionKind::kCopyMark;
    rule_.statements.push_back(statement);
    return true;
  }
  const auto value = read_number(cursor_.peek().text);
  if (!value || copies) {
    context_.gap(cursor_.peek(),
                 fmt::format("mark '{}' is not understood", cursor_.peek().text));
    add(ActionKind::kUnknownAction);
    cursor_.take();
    return true;
  }
  cursor_.take();
  const auto number = static_cast<std::uint32_t>(*value);
  statement.keep = op.empty()                 ? 0
                   : op == "and" || op == "&" ? number
                   : op == "xor" || op == "^" ? ~0U
                                              : ~number;
  statement.number = op == "and" || op == "&" ? 0 : number;
  rule_.statements.push_back(statement);
  return true;
}

bool RuleReader::nat() {
  Nat nat;
  switch (read_nat(cursor_, context_, nat)) {
    case NatRead::kNone:
      return false;
    case NatRead::kUnknown:
      add(ActionKind::kUnknownAction);
      return true;
    default:
      add(ActionKind::kNat).nat = std::move(nat);
      return true;
  }
}

bool RuleReader::match() {
  std::vector<Key> keys;
  if (!read_keys(cursor_, context_, keys)) {
    return false;
  }
  if (!cursor_.accept("vmap")) {
    rule_.statements.push_back(read_match(cursor_, context_, std::move(keys)));
    return true;
  }
  Statement& statement = add(ActionKind::kVerdictMap);
  statement.keys = std::move(keys);
  statement.set = read_set(cursor_, context_, statement.keys);
  if (!statement.set) {
    statement.kind = ActionKind::kUnknownAction;
  }
  return true;
}

// Anything else may be a match or an action: the rule goes on behind it, in doubt.
void RuleReader::unknown(const Token& first) {
  constexpr std::string_view kFrom = "iptables-";
  const bool translated = first.text.starts_with(kFrom);
  context_.gap(
      first,
      fmt::format("'{}' is not {}", translated ? first.text.substr(kFrom.size()) : first.text,
                  translated ? "known from a capture, or not modelled" : "understood"));
  add(ActionKind::kUnknownMatch);
  do {
    if (cursor_.peek().is("{")) {
      balanced();
    } else {
      cursor_.take();
    }
  } while (!cursor_.statement_ends() && !begins_statement(cursor_.peek()));
}

}  // namespace

Rule read_rule(Cursor& cursor, const Context& context) {
  return RuleReader(cursor, context).run();
}

}  // namespace natlens::ruleset
