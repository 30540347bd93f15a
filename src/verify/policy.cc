#include "policy.h"

#include <algorithm>

#include <fmt/format.h>

#include "natlens/net/nearest.h"

#include "kinds.h"
#include "policy_reader.h"

namespace natlens::verify {
namespace {

// "; did you mean tolerance?", or what there is.
std::string suggestion(std::string_view wrong, const std::vector<std::string_view>& known) {
  const std::string near = nearest(wrong, known);
  return near.empty() ? fmt::format("; there are {}", fmt::join(known, ", "))
                      : fmt::format(": did you mean `{}`?", near);
}

Result<void> check_keys(const Item& table, const std::vector<std::string_view>& known) {
  for (const auto& [key, value] : table.members) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return at(value.key, fmt::format("unknown key `{}`{}", key, suggestion(key, known)));
    }
  }
  return {};
}

class Reader {
 public:
  explicit Reader(Policy& policy) : policy_(policy), values_(policy) {}

  Result<void> root(const Item& root);
  Result<Assertion> assertion(const Item& table);

 private:
  Result<void> names(const Item& table);
  Result<void> taps(const Item& table);
  Result<void> waiver(const Item& table);
  Result<void> where(const Item& table, Waiver& waiver);
  Result<void> keys(const Item& table, const KindRow& kind, Assertion& assertion);

  Policy& policy_;
  ValueReader values_;
};

Result<void> Reader::root(const Item& root) {
  if (auto done = check_keys(root, {"version", "names", "taps", "assert", "waive"}); !done)
    return done;
  if (const Item* version = root.find("version"); version && version->integer != 1) {
    return at(version->place, "version is not 1, the only one there is");
  }
  if (const Item* taps_table = root.find("taps")) {
    if (auto done = taps(*taps_table); !done) return done;
  }
  if (const Item* names_table = root.find("names")) {
    if (auto done = names(*names_table); !done) return done;
  }
  const auto each = [&](const char* key, auto use) -> Result<void> {
    const Item* list = root.find(key);
    if (list == nullptr) return {};
    if (list->type != Item::Type::kList) {
      return at(list->key, fmt::format("write [[{}]], with two brackets", key));
    }
    for (const Item& item : list->list) {
      if (auto done = use(item); !done) return done;
    }
    return {};
  };
  auto done = each("assert", [&](const Item& item) -> Result<void> {
    auto read = assertion(item);
    if (!read) return read.error();
    for (const Assertion& other : policy_.assertions) {
      if (other.id == read->id) {
        return at(read->place,
                  fmt::format("id \"{}\" is line {}'s already", read->id, other.place.line));
      }
    }
    policy_.assertions.push_back(std::move(*read));
    return {};
  });
  if (!done) return done;
  return each("waive", [&](const Item& item) { return waiver(item); });
}

Result<void> Reader::taps(const Item& table) {
  if (table.type != Item::Type::kTable) return at(table.key, "[taps] is a table");
  for (const auto& [name, value] : table.members) {
    if (name == "complete" && value.type == Item::Type::kBool) {
      policy_.complete = value.flag;
    } else if (value.type == Item::Type::kText) {
      policy_.taps[name] = value.text;
    } else {
      return at(value.place, fmt::format("`{}` is no tap's name; write \"lan\"", name));
    }
  }
  return {};
}

Result<void> Reader::names(const Item& table) {
  if (table.type != Item::Type::kTable) return at(table.key, "[names] is a table");
  for (const auto& [name, value] : table.members) {
    auto set = values_.addresses(value);
    if (!set) return set.error();
    policy_.names[name] = std::move(*set);
  }
  return {};
}

Result<void> Reader::where(const Item& table, Waiver& waiver) {
  constexpr auto kEnds = std::to_array<std::string_view>({"src", "dst", "address"});
  constexpr auto kPorts = std::to_array<std::string_view>({"sport", "dport", "port"});
  std::vector<std::string_view> known(kEnds.begin(), kEnds.end());
  known.insert(known.end(), kPorts.begin(), kPorts.end());
  if (auto done = check_keys(table, known); !done) return done;
  for (const auto& [key, value] : table.members) {
    if (std::find(kEnds.begin(), kEnds.end(), key) != kEnds.end()) {
      auto set = values_.addresses(value);
      if (!set) return set.error();
      waiver.where[key] = std::move(*set);
      continue;
    }
    const auto ports = parse_ports(
        value.type == Item::Type::kInteger ? std::to_string(value.integer) : value.text);
    if (!ports) return at(value.place, fmt::format("`{}` is no port, such as 443", key));
    waiver.ports[key] = *ports;
  }
  return {};
}

Result<void> Reader::waiver(const Item& table) {
  if (auto done = check_keys(table, {"code", "assert", "where", "until", "reason"}); !done)
    return done;
  Waiver waiver;
  waiver.place = table.place;
  for (const char* key : {"until", "reason"}) {
    const Item* value = table.find(key);
    if (value == nullptr || value->text.empty()) {
      return at(table.place, fmt::format("a waiver needs `{}`{}", key,
                                         *key == 'u' ? ", a date such as 2027-03-31" : ""));
    }
  }
  waiver.until = table.find("until")->text;
  const bool date =
      waiver.until.size() == 10 && waiver.until[4] == '-' && waiver.until[7] == '-';
  if (!date) return at(table.find("until")->place, "`until` is no date such as 2027-03-31");
  waiver.reason = table.find("reason")->text;
  if (const Item* code = table.find("code")) waiver.code = code->text;
  if (const Item* id = table.find("assert")) waiver.assertion = id->text;
  if (waiver.code.empty() && waiver.assertion.empty()) {
    return at(table.place, "a waiver needs `code`, of a finding, or `assert`, an id");
  }
  if (const Item* where_table = table.find("where")) {
    if (auto done = where(*where_table, waiver); !done) return done;
  }
  policy_.waivers.push_back(std::move(waiver));
  return {};
}

Result<void> Reader::keys(const Item& table, const KindRow& kind, Assertion& assertion) {
  std::vector<KeyRow> rows(kind.keys.begin(), kind.keys.end());
  rows.insert(rows.end(), common_keys().begin(), common_keys().end());
  std::vector<std::string_view> known;
  for (const KeyRow& row : rows) known.push_back(row.name);
  if (auto done = check_keys(table, known); !done) return done;
  for (const auto& [key, item] : table.members) {
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&](const KeyRow& r) { return r.name == key; });
    auto value = values_.read(item, *row);
    if (!value) return value.error();
    assertion.values[key] = std::move(*value);
  }
  for (const KeyRow& row : kind.keys) {
    if (row.required && !assertion.has(row.name)) {
      return at(table.place,
                fmt::format("\"{}\" ({}) needs `{}`", assertion.id, kind.name, row.name));
    }
  }
  return {};
}

Result<Assertion> Reader::assertion(const Item& table) {
  if (table.type != Item::Type::kTable) return at(table.place, "an assertion is a table");
  Assertion assertion;
  assertion.place = table.place;
  assertion.file = policy_.file;
  const Item* id = table.find("id");
  const Item* kind = table.find("kind");
  if (id == nullptr || id->text.empty()) return at(table.place, "an assertion needs an `id`");
  if (kind == nullptr || kind->text.empty()) {
    return at(table.place, fmt::format("\"{}\" needs a `kind`", id->text));
  }
  assertion.id = id->text;
  assertion.kind = kind->text;
  const KindRow* row = find_kind(kind->text);
  if (row == nullptr) {
    std::vector<std::string_view> known;
    for (const KindRow& one : kinds()) known.push_back(one.name);
    return at(kind->place,
              fmt::format("unknown kind \"{}\"{}", kind->text, suggestion(kind->text, known)));
  }
  if (auto done = keys(table, *row, assertion); !done) return done.error();
  return assertion;
}

}  // namespace

const Value* Assertion::find(std::string_view key) const {
  const auto found = values.find(key);
  return found == values.end() ? nullptr : &found->second;
}

bool Assertion::flag(std::string_view key, bool otherwise) const {
  const Value* value = find(key);
  return value == nullptr ? otherwise : value->flag;
}

Limits Assertion::limits() const {
  Limits limits;
  if (const Value* min = find("min")) limits.min = static_cast<std::uint64_t>(min->number);
  if (const Value* tolerance = find("tolerance")) {
    limits.tolerance = static_cast<std::uint64_t>(tolerance->number);
    limits.tolerance_percent = tolerance->percent;
  }
  if (const Value* error = find("error-if")) limits.error_if = error->threshold;
  if (const Value* warn = find("warn-if")) limits.warn_if = warn->threshold;
  return limits;
}

Result<Policy> parse_policy(std::string_view text, const std::string& file) {
  auto root = read_toml(text, file);
  if (!root) return root.error();
  Policy policy;
  policy.file = file;
  if (auto done = Reader(policy).root(*root); !done) return done.error();
  return policy;
}

Result<Policy> load_policy(const std::string& file) {
  const auto text = read_file(file);
  if (!text) return text.error();
  return parse_policy(*text, file);
}

Result<Assertion> parse_comment(std::string_view text,
                                const ruleset::Place& place,
                                const Policy& names) {
  Item table;
  table.type = Item::Type::kTable;
  table.place = table.key = place;
  const auto add = [&](std::string key, std::string value) {
    Item item;
    item.type = Item::Type::kText;
    item.text = std::move(value);
    item.place = item.key = place;
    table.members.emplace_back(std::move(key), std::move(item));
  };
  while (!text.empty()) {
    const auto space = std::min(text.find(' '), text.size());
    const std::string word(text.substr(0, space));
    text.remove_prefix(std::min(space + 1, text.size()));
    if (word.empty()) continue;
    const auto equals = word.find('=');
    if (equals != std::string::npos) {
      add(word.substr(0, equals), word.substr(equals + 1));
    } else {
      add("kind", word);
    }
  }
  Policy copy = names;
  copy.file = place.file;
  return Reader(copy).assertion(table);
}

}  // namespace natlens::verify
