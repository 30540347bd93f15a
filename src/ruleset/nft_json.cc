#include "nft_json.h"

#include <algorithm>
#include <map>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "json_words.h"
#include "nft_rule.h"
#include "nft_text.h"
#include "values.h"

namespace natlens::ruleset {
namespace {

using nlohmann::json;

Place place_of(std::string_view text, std::size_t at, std::string_view where) {
  const auto before = text.substr(0, std::min(at, text.size()));
  const auto line_begin = before.rfind('\n');
  Place place;
  place.file = where;
  place.line = static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n') + 1);
  place.column = static_cast<std::uint32_t>(
      before.size() - (line_begin == std::string_view::npos ? 0 : line_begin + 1) + 1);
  return place;
}

// Where the rules stand in the text, by counting their keys: the library does not say.
class RulePlaces {
 public:
  RulePlaces(std::string_view text, std::string_view where) : text_(text), where_(where) {}
  Place next() {
    at_ = std::min(text_.find("\"rule\"", at_ + 1), text_.size());
    return place_of(text_, at_, where_);
  }
  void from(std::size_t at) { at_ = at; }

 private:
  std::string_view text_;
  std::string_view where_;
  std::size_t at_ = 0;
};

std::string string_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || !found->is_string() ? "" : found->get<std::string>();
}

class Builder {
 public:
  Builder(std::string_view text, std::string_view where, std::size_t from)
      : where_(where), places_(text, where) {
    places_.from(from);
  }

  Result<Ruleset> run(const json& list) {
    for (const json& item : list) {
      if (!item.is_object() || item.empty()) continue;
      const std::string kind = item.begin().key();
      const json& value = item.begin().value();
      if (!value.is_object()) continue;
      if (kind == "table") table(value);
      if (kind == "chain") chain(value);
      if (kind == "rule") rule(value);
      if (kind == "set" || kind == "map") set(value);
      if (kind == "ct helper") {
        helpers_[table_name(value) + " " + string_of(value, "name")] = string_of(value, "type");
      }
    }
    for (const auto& [name, set] : sets_) {
      set->changes = set->changes || !defined_[name];
    }
    return std::move(out_);
  }

 private:
  static std::string table_name(const json& value) {
    const std::string name = string_of(value, "table");
    return string_of(value, "family") + " " + (name.empty() ? string_of(value, "name") : name);
  }
  Context context(const json& value, Place place) {
    return {out_,     std::string(where_), table_name(value), sets_, defined_,
            helpers_, std::move(place)};
  }
  Table* find_table(const json& value);
  void table(const json& value);
  void chain(const json& value);
  void rule(const json& value);
  void set(const json& value);

  std::string_view where_;
  RulePlaces places_;
  Ruleset out_;
  std::map<std::string, std::size_t> tables_;
  std::map<std::string, std::shared_ptr<Set>> sets_;
  std::map<std::string, bool> defined_;
  std::map<std::string, std::string> helpers_;
};

Table* Builder::find_table(const json& value) {
  const auto found = tables_.find(table_name(value));
  return found == tables_.end() ? nullptr : &out_.tables[found->second];
}

void Builder::table(const json& value) {
  const std::string family = string_of(value, "family");
  Table table;
  table.name = string_of(value, "name");
  table.family = family == "ip"     ? TableFamily::kIpv4
                 : family == "ip6"  ? TableFamily::kIpv6
                 : family == "inet" ? TableFamily::kInet
                                    : TableFamily::kOther;
  tables_[family + " " + table.name] = out_.tables.size();
  out_.tables.push_back(std::move(table));
}

void Builder::chain(const json& value) {
  static constexpr std::pair<std::string_view, Hook> kHooks[] = {
      {"prerouting", Hook::kPrerouting},
      {"input", Hook::kInput},
      {"forward", Hook::kForward},
      {"output", Hook::kOutput},
      {"postrouting", Hook::kPostrouting}};
  Table* table = find_table(value);
  if (table == nullptr) return;
  Chain chain;
  chain.name = string_of(value, "name");
  chain.place = {std::string(where_), 1, 0};
  const std::string type = string_of(value, "type");
  chain.type = type == "nat"     ? ChainType::kNat
               : type == "route" ? ChainType::kRoute
                                 : ChainType::kFilter;
  for (const auto& [name, hook] : kHooks) {
    if (string_of(value, "hook") == name) chain.hook = hook;
  }
  const auto priority = value.find("prio");
  chain.priority = priority != value.end() && priority->is_number_integer()
                       ? priority->get<std::int32_t>()
                       : 0;
  chain.policy =
      string_of(value, "policy") == "drop" ? VerdictKind::kDrop : VerdictKind::kAccept;
  table->chains.push_back(std::move(chain));
}

void Builder::rule(const json& value) {
  Place place = places_.next();
  Table* table = find_table(value);
  const auto statements = value.find("expr");
  if (table == nullptr || statements == value.end()) return;
  std::string words;
  for (const json& statement : *statements) {
    words += (words.empty() ? "" : " ") + statement_words(statement);
  }
  const auto tokens = tokenize(words);
  Cursor cursor(tokens);
  for (Chain& chain : table->chains) {
    if (chain.name == string_of(value, "chain")) {
      Rule rule = read_rule(cursor, context(value, std::move(place)));
      rule.comment = string_of(value, "comment");
      const auto handle = value.find("handle");
      if (handle != value.end() && handle->is_number_unsigned()) {
        rule.handle = handle->get<std::uint64_t>();
      }
      chain.rules.push_back(std::move(rule));
      return;
    }
  }
}

void Builder::set(const json& value) {
  const std::string name = table_name(value) + " " + string_of(value, "name");
  const Context here = context(value, {std::string(where_), 1, 0});
  const auto set = here.named_set(string_of(value, "name"));
  defined_[name] = true;
  const std::string flags = value.value("flags", json()).dump();
  set->changes = value.contains("timeout") || flags.find("dynamic") != std::string::npos ||
                 flags.find("timeout") != std::string::npos;
  const auto type = value.find("type");
  std::string types;
  if (type != value.end()) {
    for (const json& t : type->is_array() ? *type : json::array({*type})) {
      types += (types.empty() ? "" : " . ") + (t.is_string() ? t.get<std::string>() : "");
    }
  }
  const auto elements = value.find("elem");
  if (elements == value.end()) return;
  const auto tokens = tokenize(expression_words(json{{"set", *elements}}));
  Cursor cursor(tokens);
  cursor.accept("{");
  read_elements(cursor, here, keys_of_type(types), false, *set);
}

// Several rulesets in one object: where the chosen one begins.
Result<const json*> choose(const json& root,
                           std::string_view where,
                           std::string_view part,
                           std::string& member) {
  if (root.is_object() && root.contains("nftables")) {
    return &root["nftables"];
  }
  std::string names;
  if (root.is_object()) {
    for (const auto& [name, value] : root.items()) {
      if (value.is_object() && value.contains("nftables")) {
        if (name == part || (part.empty() && root.size() == 1)) {
          member = name;
          return &value["nftables"];
        }
        names += fmt::format(" {}#{}", where, name);
      }
    }
  }
  if (names.empty()) {
    return Error{
        fmt::format("{}:1:1: no rules in it; expected what 'nft -j list ruleset' prints: "
                    "{{\"nftables\": [...]}}",
                    where)};
  }
  return Error{fmt::format("{}: several rulesets; choose one:{}", where, names)};
}

}  // namespace

Result<Ruleset> parse_nft_json(std::string_view text,
                               std::string_view where,
                               std::string_view part) {
  json root;
  try {
    root = json::parse(text);
  } catch (const json::parse_error& error) {
    return Error{
        fmt::format("{}: not JSON; expected what 'nft -j list ruleset' prints",
                    to_string(place_of(text, error.byte == 0 ? 0 : error.byte - 1, where)))};
  }
  std::string member;
  const auto list = choose(root, where, part, member);
  if (!list) return list.error();
  if (!(*list)->is_array()) {
    return Error{fmt::format("{}:1:1: \"nftables\" is not a list", where)};
  }
  const std::size_t from =
      member.empty() ? 0 : std::min(text.find('"' + member + '"'), text.size());
  return Builder(text, where, from).run(**list);
}

}  // namespace natlens::ruleset
