#include "toml_reader.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

// The library of Debian is built with exceptions only; here the header is enough.
#undef TOML_SHARED_LIB
#undef TOML_HEADER_ONLY
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace natlens::verify {
namespace {

ruleset::Place place_of(const toml::source_region& source, const std::string& where) {
  return {where, source.begin.line, source.begin.column};
}

Item item_of(const toml::node& node, const std::string& where);

void read_table(const toml::table& table, const std::string& where, Item& item) {
  item.type = Item::Type::kTable;
  for (const auto& [key, value] : table) {
    Item member = item_of(value, where);
    member.key = place_of(key.source(), where);
    item.members.emplace_back(std::string(key.str()), std::move(member));
  }
  const auto before = [](const auto& a, const auto& b) {
    return std::pair(a.second.key.line, a.second.key.column) <
           std::pair(b.second.key.line, b.second.key.column);
  };
  std::stable_sort(item.members.begin(), item.members.end(), before);
}

Item item_of(const toml::node& node, const std::string& where) {
  Item item;
  item.place = place_of(node.source(), where);
  if (const auto* table = node.as_table()) {
    read_table(*table, where, item);
  } else if (const auto* array = node.as_array()) {
    item.type = Item::Type::kList;
    for (const toml::node& member : *array) item.list.push_back(item_of(member, where));
  } else if (const auto* text = node.as_string()) {
    item.type = Item::Type::kText;
    item.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    item.type = Item::Type::kInteger;
    item.integer = integer->get();
    item.real = static_cast<double>(item.integer);
  } else if (const auto* real = node.as_floating_point()) {
    item.type = Item::Type::kReal;
    item.real = real->get();
  } else if (const auto* flag = node.as_boolean()) {
    item.type = Item::Type::kBool;
    item.flag = flag->get();
  } else if (const auto* date = node.as_date()) {
    item.type = Item::Type::kDate;
    const toml::date& day = date->get();
    item.text = fmt::format("{:04}-{:02}-{:02}", day.year, day.month, day.day);
  }
  return item;
}

}  // namespace

const Item* Item::find(std::string_view name) const {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const auto& member) { return member.first == name; });
  return found == members.end() ? nullptr : &found->second;
}

Result<Item> read_toml(std::string_view text, const std::string& where) {
  const toml::parse_result parsed = toml::parse(text, where);
  if (!parsed) {
    return at(place_of(parsed.error().source(), where),
              fmt::format("not TOML: {}", parsed.error().description()));
  }
  Item root;
  root.place = {where, 1, 1};
  read_table(parsed.table(), where, root);
  return root;
}

Result<std::string> read_file(const std::string& path) {
  std::error_code ignored;
  std::ifstream in(path, std::ios::binary);
  if (!in || std::filesystem::is_directory(path, ignored)) {
    return Error{fmt::format("{}: cannot be read", path)};
  }
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::string beside(const std::string& file, const std::string& name) {
  const std::filesystem::path given(name);
  if (given.is_absolute()) return name;
  return (std::filesystem::path(file).parent_path() / given).string();
}

Error at(const ruleset::Place& place, std::string_view what) {
  return Error{fmt::format("{}:{}:{}: {}", place.file, place.line, place.column, what)};
}

}  // namespace natlens::verify
