#include "policy_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "natlens/net/nearest.h"
#include "natlens/net/timestamp.h"

namespace natlens::verify {
namespace {

// As it would stand in a string: rule comments have no numbers.
std::string text_of(const Item& item) {
  switch (item.type) {
    case Item::Type::kText:
    case Item::Type::kDate:
      return item.text;
    case Item::Type::kInteger:
      return std::to_string(item.integer);
    case Item::Type::kReal:
      return fmt::format("{}", item.real);
    case Item::Type::kBool:
      return item.flag ? "true" : "false";
    default:
      return "";
  }
}

std::optional<std::int64_t> count_of_text(const std::string& text) {
  if (text.empty() || text.size() > 15 ||
      text.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  return std::stoll(text);
}

std::vector<std::string_view> split(std::string_view words) {
  std::vector<std::string_view> out;
  while (!words.empty()) {
    const auto space = std::min(words.find(' '), words.size());
    out.push_back(words.substr(0, space));
    words.remove_prefix(std::min(space + 1, words.size()));
  }
  return out;
}

// "2026-11-21T08:30:54Z" or "2026-11-21", UTC.
std::optional<std::int64_t> moment_of(const std::string& text) {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  const int read = std::sscanf(text.c_str(), "%4d-%2d-%2d%*1[T ]%2d:%2d:%2d", &year, &month,
                               &day, &hour, &minute, &second);
  if (read != 3 && read < 5) return std::nullopt;
  if (month < 1 || month > 12 || day < 1 || day > 31) return std::nullopt;
  // Days from 1970-01-01 in the proleptic Gregorian calendar, March first.
  const std::int64_t y = year - (month <= 2 ? 1 : 0);
  const std::int64_t era = y / 400;
  const std::int64_t of_era = y - era * 400;
  const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t days =
      era * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
  return ((days * 24 + hour) * 60 + minute) * 60'000'000'000 + second * 1'000'000'000LL;
}

}  // namespace

Result<void> ValueReader::one_address(std::string_view text,
                                      const Item& item,
                                      AddressSet& set) const {
  const auto name = policy_.names.find(std::string(text));
  if (name != policy_.names.end()) {
    set.ranges.insert(set.ranges.end(), name->second.ranges.begin(), name->second.ranges.end());
    set.any = set.any || name->second.any;
    return {};
  }
  if (policy_.taps.contains(std::string(text))) {
    set.tap = text;
    return {};
  }
  if (const auto parsed = parse_addresses(text)) {
    set.ranges.insert(set.ranges.end(), parsed->ranges.begin(), parsed->ranges.end());
    set.any = set.any || parsed->any;
    return {};
  }
  std::vector<std::string_view> known;
  for (const auto& [known_name, unused] : policy_.names) known.push_back(known_name);
  for (const auto& [known_name, unused] : policy_.taps) known.push_back(known_name);
  const std::string near = nearest(text, known);
  return at(
      item.place,
      fmt::format("\"{}\" is no prefix, range, name or tap{}", text,
                  near.empty() ? "; write 10.0.0.0/8, 10.0.0.1-10.0.0.9 or a name of [names]"
                               : fmt::format(": did you mean \"{}\"?", near)));
}

Result<AddressSet> ValueReader::addresses(const Item& item) const {
  AddressSet set;
  const std::vector<Item> alone{item};
  for (const Item& one : item.type == Item::Type::kList ? item.list : alone) {
    std::string text = text_of(one);
    if (one.type != Item::Type::kText) {
      return at(one.place, "expected a prefix, a range or a name, in quotes");
    }
    while (!text.empty()) {
      const auto comma = std::min(text.find(','), text.size());
      if (auto done = one_address(text.substr(0, comma), one, set); !done) return done.error();
      text.erase(0, std::min(comma + 1, text.size()));
    }
  }
  return set;
}

Result<void> ValueReader::words(const Item& item, const KeyRow& row, Value& value) const {
  const std::vector<Item> alone{item};
  const bool list = item.type == Item::Type::kList;
  if (list && row.type == ValueType::kWord) {
    return at(item.place, fmt::format("`{}` is one word, not a list", row.name));
  }
  const auto known = split(row.words);
  for (const Item& one : list ? item.list : alone) {
    if (one.type != Item::Type::kText) {
      return at(one.place, fmt::format("`{}` is a word, in quotes", row.name));
    }
    std::string word = known.empty() ? one.text : plain_word(one.text);
    if (word == "warn" && std::find(known.begin(), known.end(), "warning") != known.end()) {
      word = "warning";
    }
    if (!known.empty() && std::find(known.begin(), known.end(), word) == known.end()) {
      const std::string near = nearest(word, known);
      return at(one.place,
                fmt::format("`{}` \"{}\"{}", row.name, one.text,
                            near.empty() ? fmt::format(" is none of {}", fmt::join(known, ", "))
                                         : fmt::format(": did you mean \"{}\"?", near)));
    }
    value.words.push_back(std::move(word));
  }
  value.text = value.words.empty() ? "" : value.words.front();
  return {};
}

// "web:80", "[2001:db8::1]:80", "203.0.113.10".
Result<void> ValueReader::endpoint(const Item& item, Value& value) const {
  std::string end = value.text;
  std::string port;
  const auto colon = end.rfind(':');
  const bool v6 = end.find(':') != colon && end.front() != '[';
  if (colon != std::string::npos && !v6) {
    port = end.substr(colon + 1);
    end.resize(colon);
  }
  if (end.size() > 1 && end.front() == '[' && end.back() == ']') {
    end = end.substr(1, end.size() - 2);
  }
  if (auto done = one_address(end, item, value.addresses); !done) return done;
  if (port.empty()) return {};
  const auto ports = parse_ports(port);
  if (!ports)
    return at(item.place, fmt::format("\"{}\" is no port, such as 80 or 7000-7003", port));
  value.ports = *ports;
  return {};
}

// A count, or a part: "0.01%".
Result<void> ValueReader::amount(const Item& item, const KeyRow& row, Value& value) const {
  std::string text = value.text;
  if (!text.empty() && text.back() == '%') {
    text.pop_back();
    char* end = nullptr;
    value.percent = std::strtod(text.c_str(), &end);
    if (!text.empty() && *end == '\0' && value.percent >= 0 && value.percent <= 100) return {};
  } else if (const auto count = count_of_text(text)) {
    value.number = *count;
    return {};
  }
  return at(item.place,
            fmt::format("`{}` is no count and no part such as \"0.01%\"", row.name));
}

Result<void> ValueReader::budget(const Item& item, const KeyRow& row, Value& value) const {
  if (item.type != Item::Type::kTable) {
    return at(item.place, fmt::format("`{}` is a table such as {{ CODE = 3 }}", row.name));
  }
  for (const auto& [key, member] : item.members) {
    if (member.type != Item::Type::kInteger || member.integer < 0) {
      return at(member.place, fmt::format("`{}` is no count", key));
    }
    value.budget[key] = member.integer;
  }
  return {};
}

Result<void> ValueReader::scalar(const Item& item, const KeyRow& row, Value& value) const {
  const auto wrong = [&](std::string_view expected) {
    return at(item.place, fmt::format("`{}` is no {}", row.name, expected));
  };
  switch (row.type) {
    case ValueType::kPorts: {
      const auto ports = parse_ports(value.text);
      if (!ports) return wrong("port, such as 80 or \"1024-65535\"");
      value.ports = *ports;
      return {};
    }
    case ValueType::kTime: {
      const auto time = parse_time(value.text);
      if (!time) return wrong("time with a unit, such as \"120s\"");
      value.number = *time;
      return {};
    }
    case ValueType::kMoment: {
      const auto moment = moment_of(value.text);
      const auto time = moment ? moment : parse_time(value.text);
      if (!time) return wrong("moment, such as \"2026-11-21T08:30:00Z\" or \"30s\"");
      value.number = *time;
      return {};
    }
    case ValueType::kCount: {
      const auto count = count_of_text(value.text);
      if (!count) return wrong("count, such as 10");
      value.number = *count;
      return {};
    }
    case ValueType::kThreshold: {
      const auto threshold = parse_threshold(value.text);
      if (!threshold) return wrong("limit, such as \"> 3\" or \"< 60s\"");
      value.threshold = *threshold;
      return {};
    }
    case ValueType::kBool:
      if (value.text != "true" && value.text != "false") return wrong("true or false");
      value.flag = value.text == "true";
      return {};
    default:
      return value.text.empty() ? wrong("text") : Result<void>();
  }
}

Result<Value> ValueReader::read(const Item& item, const KeyRow& row) const {
  Value value;
  value.place = item.place;
  value.text = text_of(item);
  Result<void> done;
  switch (row.type) {
    case ValueType::kWord:
    case ValueType::kWords:
      done = words(item, row, value);
      break;
    case ValueType::kAddresses: {
      auto set = addresses(item);
      if (!set) return set.error();
      value.addresses = std::move(*set);
      break;
    }
    case ValueType::kEndpoint:
      done = endpoint(item, value);
      break;
    case ValueType::kAmount:
      done = amount(item, row, value);
      break;
    case ValueType::kBudget:
      done = budget(item, row, value);
      break;
    default:
      done = scalar(item, row, value);
  }
  if (!done) return done.error();
  return value;
}

}  // namespace natlens::verify
