#include "nft_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "nft_rule.h"
#include "own_text.h"
#include "values.h"

namespace natlens::ruleset {
namespace {

constexpr std::size_t kMostRules = 1U << 20;

class Reader {
 public:
  Reader(std::string_view text, std::string_view where, std::uint32_t first_line)
      : tokens_(tokenize(text, first_line)), cursor_(tokens_), where_(where) {}

  Result<Ruleset> run() {
    for (;;) {
      cursor_.skip_newlines();
      if (cursor_.peek().at_end()) {
        break;
      }
      if (auto done = top(); !done) {
        return done.error();
      }
    }
    for (const auto& [name, set] : sets_) {
      if (!defined_[name]) {
        set->changes = true;
        out_.gaps.push_back({{std::string(where_), 1, 0},
                             fmt::format("set '{}' is used and not defined", set->name)});
      }
    }
    return std::move(out_);
  }

 private:
  Error error(const Token& token, std::string_view what) const {
    return {fmt::format("{}:{}:{}: {}", where_, token.line, token.column, what)};
  }
  Context context() {
    return {out_, std::string(where_), table_name_, sets_, defined_, helpers_};
  }

  Result<void> top();
  Result<void> table();
  Result<void> member(Table& table);
  Result<void> chain(Table& table);
  Result<void> base(Chain& chain, TableFamily family);
  Result<void> set();
  Result<void> object();
  Result<void> open(std::string_view what);
  bool more_in_block();
  void to_line_end();

  std::vector<Token> tokens_;
  Cursor cursor_;
  std::string_view where_;
  Ruleset out_;
  std::string table_name_;
  std::map<std::string, std::shared_ptr<Set>> sets_;
  std::map<std::string, bool> defined_;
  std::map<std::string, std::string> helpers_;
  std::size_t rules_ = 0;
};

void Reader::to_line_end() {
  while (!cursor_.peek().at_end() && !cursor_.peek().is("\n") && !cursor_.peek().is(";")) {
    cursor_.take();
  }
  cursor_.take();
}

Result<void> Reader::open(std::string_view what) {
  cursor_.skip_newlines();
  if (!cursor_.peek().is("{")) {
    return error(cursor_.peek(),
                 fmt::format("'{}' where {} should open with '{{'", cursor_.peek().text, what));
  }
  cursor_.take();
  return {};
}

Result<void> Reader::top() {
  cursor_.accept("add");
  if (cursor_.accept("table")) {
    return table();
  }
  if (cursor_.peek().is("flush") || cursor_.peek().is("delete") ||
      cursor_.peek().is("destroy")) {
    to_line_end();
    return {};
  }
  bool own = false;
  if (auto done = read_own(cursor_, where_, out_, own); !done || own) {
    return done;
  }
  return error(cursor_.peek(),
               fmt::format("'{}' is not a table; expected 'table FAMILY NAME {{ ... }}', or "
                           "nat64 or npt",
                           cursor_.peek().text));
}

Result<void> Reader::table() {
  Table table;
  table.family = TableFamily::kIpv4;
  struct Name {
    std::string_view word;
    TableFamily family;
  };
  for (const Name& name :
       {Name{"ip", TableFamily::kIpv4}, Name{"ip6", TableFamily::kIpv6},
        Name{"inet", TableFamily::kInet}, Name{"arp", TableFamily::kOther},
        Name{"bridge", TableFamily::kOther}, Name{"netdev", TableFamily::kOther}}) {
    if (cursor_.peek().is(name.word) && !cursor_.peek(1).is("{")) {
      table.family = name.family;
      table_name_ = name.word;
    }
  }
  if (cursor_.peek(1).is("{")) {
    table_name_ = "ip";
  } else {
    cursor_.take();
  }
  table.name = cursor_.take().text;
  table_name_ += " " + table.name;
  if (cursor_.statement_ends()) {
    return {};  // "add table ip nat"
  }
  if (auto opened = open("a table"); !opened) {
    return opened;
  }
  while (more_in_block()) {
    if (cursor_.peek().at_end()) {
      return error(cursor_.peek(),
                   fmt::format("table '{}' is not closed; expected '}}'", table.name));
    }
    if (auto done = member(table); !done) {
      return done;
    }
  }
  out_.tables.push_back(std::move(table));
  return {};
}

// Past what separates statements. False: past the block's '}', too.
bool Reader::more_in_block() {
  do {
    cursor_.skip_newlines();
  } while (cursor_.accept(";"));
  return !cursor_.accept("}");
}

Result<void> Reader::member(Table& table) {
  if (cursor_.accept("chain")) {
    return chain(table);
  }
  if (cursor_.accept("set") || cursor_.accept("map") || cursor_.accept("meter")) {
    return set();
  }
  if (cursor_.peek().is("flags") || cursor_.peek().is("comment")) {
    to_line_end();
    return {};
  }
  return object();
}

// ct helper, counter, quota, limit, flowtable...: only helpers matter.
Result<void> Reader::object() {
  const Token kind = cursor_.take();
  const bool is_helper = kind.is("ct") && cursor_.peek().is("helper");
  if (kind.is("ct")) {
    cursor_.take();
  }
  const std::string name = cursor_.take().text;
  if (auto opened = open(fmt::format("'{} {}'", kind.text, name)); !opened) {
    return opened;
  }
  for (int depth = 1; depth > 0;) {
    const Token token = cursor_.take();
    if (token.at_end()) {
      return error(token, fmt::format("'{} {}' is not closed; expected '}}'", kind.text, name));
    }
    depth += token.is("{") ? 1 : token.is("}") ? -1 : 0;
    if (is_helper && token.is("type")) {
      helpers_[table_name_ + " " + name] = cursor_.peek().text;
    }
  }
  return {};
}

Result<void> Reader::set() {
  const Token name = cursor_.take();
  if (auto opened = open("a set"); !opened) {
    return opened;
  }
  const Context here = context();
  const auto set = here.named_set(name.text);
  defined_[table_name_ + " " + name.text] = true;
  std::vector<Key> keys;
  while (!cursor_.accept("}")) {
    const Token token = cursor_.take();
    if (token.at_end()) {
      return error(token, fmt::format("set '{}' is not closed; expected '}}'", name.text));
    }
    if (token.is("type")) {
      const std::size_t start = cursor_.position();
      while (!cursor_.statement_ends() && !cursor_.peek().is(":")) {
        cursor_.take();
      }
      keys = keys_of_type(cursor_.text_since(start));
    } else if (token.is("typeof")) {
      read_keys(cursor_, here, keys);
    } else if (token.is("flags") || token.is("timeout")) {
      const std::size_t start = cursor_.position();
      while (!cursor_.statement_ends()) {
        cursor_.take();
      }
      const std::string flags = cursor_.text_since(start);
      set->changes = set->changes || token.is("timeout") ||
                     flags.find("dynamic") != std::string::npos ||
                     flags.find("timeout") != std::string::npos;
    } else if (token.is("elements")) {
      cursor_.accept("=");
      if (cursor_.accept("{")) {
        read_elements(cursor_, here, keys, false, *set);
      }
    }
  }
  return {};
}

// "type nat hook prerouting priority dstnat + 5; policy accept;"
Result<void> Reader::base(Chain& chain, TableFamily family) {
  static constexpr std::pair<std::string_view, Hook> kHooks[] = {
      {"prerouting", Hook::kPrerouting},
      {"input", Hook::kInput},
      {"forward", Hook::kForward},
      {"output", Hook::kOutput},
      {"postrouting", Hook::kPostrouting}};
  const std::string type = cursor_.take().text;
  chain.type = type == "nat"     ? ChainType::kNat
               : type == "route" ? ChainType::kRoute
                                 : ChainType::kFilter;
  if (cursor_.accept("hook")) {
    const std::string word = cursor_.take().text;
    for (const auto& [name, hook] : kHooks) {
      if (name == word) chain.hook = hook;
    }
  }
  while (!cursor_.statement_ends() && !cursor_.peek().is("priority")) {
    cursor_.take();  // device ...
  }
  const Token at = cursor_.peek(1);
  if (cursor_.accept("priority")) {
    const std::size_t start = cursor_.position();
    while (!cursor_.statement_ends()) {
      cursor_.take();
    }
    const std::string text = cursor_.text_since(start);
    const auto priority = read_priority(text, family);
    if (!priority) {
      return error(at, fmt::format("priority '{}' is neither a number nor a name (raw, mangle, "
                                   "dstnat, filter, security, srcnat)",
                                   text));
    }
    chain.priority = *priority;
  }
  return {};
}

Result<void> Reader::chain(Table& table) {
  Chain chain;
  const Token name = cursor_.take();
  chain.name = name.text;
  chain.place = {std::string(where_), name.line, name.column};
  if (auto opened = open("a chain"); !opened) {
    return opened;
  }
  const Context here = context();
  while (more_in_block()) {
    if (cursor_.peek().at_end()) {
      return error(cursor_.peek(),
                   fmt::format("chain '{}' is not closed; expected '}}'", chain.name));
    }
    if (cursor_.accept("type")) {
      if (auto done = base(chain, table.family); !done) {
        return done;
      }
    } else if (cursor_.accept("policy")) {
      chain.policy = cursor_.take().is("drop") ? VerdictKind::kDrop : VerdictKind::kAccept;
    } else if (++rules_ > kMostRules) {
      return error(cursor_.peek(), "more than a million rules");
    } else {
      chain.rules.push_back(read_rule(cursor_, here));
    }
  }
  table.chains.push_back(std::move(chain));
  return {};
}

// "nft -a" writes handles behind rules, as comments.
void read_handles(std::string_view text, std::uint32_t first_line, Ruleset& out) {
  constexpr std::string_view kMark = "# handle ";
  std::map<std::uint32_t, std::uint64_t> handles;
  std::uint32_t line = first_line;
  for (std::size_t at = 0; at < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const auto here = text.substr(at, end - at);
    const auto mark = here.rfind(kMark);
    if (mark != std::string_view::npos) {
      handles[line] = read_number(here.substr(mark + kMark.size())).value_or(0);
    }
    at = end + 1;
  }
  if (handles.empty()) return;
  for (Table& table : out.tables) {
    for (Chain& chain : table.chains) {
      for (Rule& rule : chain.rules) {
        const auto found = handles.find(rule.place.line);
        if (found != handles.end()) rule.handle = found->second;
      }
    }
  }
}

}  // namespace

Result<Ruleset> parse_nft(std::string_view text,
                          std::string_view where,
                          std::uint32_t first_line) {
  auto rules = Reader(text, where, first_line).run();
  if (rules) read_handles(text, first_line, *rules);
  return rules;
}

}  // namespace natlens::ruleset
