#include "iptables.h"

#include <algorithm>

#include <fmt/format.h>

#include "iptables_words.h"
#include "nft_rule.h"

namespace natlens::ruleset {
namespace {

struct BuiltIn {
  std::string_view name;
  Hook hook;
};
constexpr BuiltIn kBuiltIns[] = {{"PREROUTING", Hook::kPrerouting},
                                 {"INPUT", Hook::kInput},
                                 {"FORWARD", Hook::kForward},
                                 {"OUTPUT", Hook::kOutput},
                                 {"POSTROUTING", Hook::kPostrouting}};

struct Priority {
  std::string_view table;
  std::int32_t value;
};
constexpr Priority kPriorities[] = {
    {"raw", -300}, {"mangle", -150}, {"filter", 0}, {"security", 50}};

class Reader {
 public:
  Reader(std::string_view text, std::string_view where, std::uint32_t line)
      : text_(text), where_(where), line_(line) {
    // ip6tables-save writes IPv6 addresses; without any, it cannot matter... but for ICMPv6.
    v6_ = text.find("ip6tables-save") != std::string_view::npos ||
          text.find("-p ipv6-icmp") != std::string_view::npos ||
          text.find("icmp6-") != std::string_view::npos;
  }

  Result<Ruleset> run() {
    std::size_t at = 0;
    while (at < text_.size()) {
      const auto end = std::min(text_.find('\n', at), text_.size());
      if (auto done = line(text_.substr(at, end - at)); !done) return done.error();
      at = end + 1;
      ++line_;
    }
    return std::move(out_);
  }

 private:
  Error error(std::size_t column, std::string_view what) const {
    return {fmt::format("{}:{}:{}: {}", where_, line_, column + 1, what)};
  }
  Result<void> line(std::string_view text);
  Result<void> chain(std::string_view text);
  Result<void> rule(std::string_view text);
  void table(std::string_view name);
  Chain* find_chain(std::string_view name);

  std::string_view text_;
  std::string_view where_;
  std::uint32_t line_;
  bool v6_ = false;
  Ruleset out_;
  std::map<std::string, std::shared_ptr<Set>> sets_;
  std::map<std::string, bool> defined_;
  std::map<std::string, std::string> helpers_;
};

Result<void> Reader::line(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos || text[first] == '#') {
    v6_ = v6_ || text.find("ip6tables") != std::string_view::npos;
    return {};
  }
  text.remove_suffix(text.size() - 1 - text.find_last_not_of(" \t\r"));
  text.remove_prefix(first);
  if (text.front() == '*') {
    table(text.substr(1));
    return {};
  }
  if (text == "COMMIT") {
    return {};
  }
  if (out_.tables.empty()) {
    return error(first, "expected a table, '*nat' or '*filter', before chains and rules");
  }
  if (text.front() == ':') {
    return chain(text.substr(1));
  }
  if (text.front() == '[') {  // counters: "[12:34] -A ..."
    const auto close = text.find("] ");
    text.remove_prefix(close == std::string_view::npos ? text.size() : close + 2);
  }
  if (text.starts_with("-A ")) {
    return rule(text.substr(3));
  }
  return error(first, fmt::format("'{}' is none of iptables-save's lines; expected '*TABLE', "
                                  "':CHAIN POLICY', '-A CHAIN ...' or 'COMMIT'",
                                  text));
}

void Reader::table(std::string_view name) {
  Table table;
  table.family = v6_ ? TableFamily::kIpv6 : TableFamily::kIpv4;
  table.name = name;
  out_.tables.push_back(std::move(table));
}

Result<void> Reader::chain(std::string_view text) {
  Table& table = out_.tables.back();
  Chain chain;
  const auto space = std::min(text.find(' '), text.size());
  chain.name = text.substr(0, space);
  chain.place = {std::string(where_), line_, 2};
  chain.policy =
      text.substr(space).starts_with(" DROP") ? VerdictKind::kDrop : VerdictKind::kAccept;
  chain.type = table.name == "nat" ? ChainType::kNat : ChainType::kFilter;
  for (const BuiltIn& builtin : kBuiltIns) {
    if (builtin.name == chain.name) chain.hook = builtin.hook;
  }
  for (const Priority& priority : kPriorities) {
    if (priority.table == table.name) chain.priority = priority.value;
  }
  if (chain.type == ChainType::kNat) {
    chain.priority =
        chain.hook == Hook::kPrerouting || chain.hook == Hook::kOutput ? -100 : 100;
  }
  table.chains.push_back(std::move(chain));
  return {};
}

Chain* Reader::find_chain(std::string_view name) {
  auto& chains = out_.tables.back().chains;
  const auto found = std::find_if(chains.begin(), chains.end(),
                                  [&](const Chain& chain) { return chain.name == name; });
  return found == chains.end() ? nullptr : &*found;
}

Result<void> Reader::rule(std::string_view text) {
  const auto tokens = tokenize(text);
  std::vector<std::string> words;
  for (const Token& token : tokens) {
    // Commas stand alone in nft, inside words in iptables.
    if (token.at_end() || token.is("\n")) continue;
    const bool joins = token.is(",") ||
                       (!words.empty() && !words.back().empty() && words.back().back() == ',');
    if (joins && !words.empty()) {
      words.back() += token.text;
    } else {
      words.push_back(token.text);
    }
  }
  Chain* chain = words.empty() ? nullptr : find_chain(words.front());
  if (chain == nullptr) {
    return error(3, fmt::format("chain '{}' was not declared; expected ':{} - [0:0]' above",
                                words.empty() ? "" : words.front(),
                                words.empty() ? "NAME" : words.front()));
  }
  words.erase(words.begin());
  const auto comment = std::find(words.begin(), words.end(), "--comment");
  const std::string said =
      comment == words.end() || comment + 1 == words.end() ? "" : *(comment + 1);
  std::string as_nft = iptables_words(words, v6_);
  if (const auto netmap = as_nft.find("netmap to "); netmap != std::string::npos) {
    const bool out = chain->hook == Hook::kPostrouting || chain->hook == Hook::kInput;
    as_nft.replace(netmap, 6, out ? "snat ip prefix" : "dnat ip prefix");
  }
  const auto nft_tokens = tokenize(as_nft);
  Cursor cursor(nft_tokens);
  const Context context{out_,
                        std::string(where_),
                        "ip " + out_.tables.back().name,
                        sets_,
                        defined_,
                        helpers_,
                        Place{std::string(where_), line_, 1}};
  Rule rule = read_rule(cursor, context);
  rule.text = "-A " + std::string(text);
  rule.comment = said;
  chain->rules.push_back(std::move(rule));
  return {};
}

}  // namespace

Result<Ruleset> parse_iptables(std::string_view text,
                               std::string_view where,
                               std::uint32_t first_line) {
  return Reader(text, where, first_line).run();
}

}  // namespace natlens::ruleset
