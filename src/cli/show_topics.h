// What `natlens show` can show: for each kind of rows its view, what a person reads of it, and
// what its filters apply to.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace natlens::cli {

using FilterColumns = std::array<std::string_view, 4>;  // those in use come first

// `columns` is what a person reads in a table; programs (csv, json) get all. Filters apply to
// the columns named here, which hold tap names, one protocol, addresses, ports.
struct Topic {
  std::string_view name;
  std::string_view view;
  std::string_view columns;
  std::string_view order;
  FilterColumns taps{};
  FilterColumns protocols{};
  FilterColumns addresses{};
  FilterColumns ports{};
};

std::span<const Topic> topics();

// What is selected, without filters: a table for people, everything for programs, and for lines
// of conntrack(8) the columns that they need: of connections those that a kernel would still
// list, of events the changes in the order in which each tap's kernel would have told them.
std::string selection(const Topic& topic, std::string_view format);
std::string_view order_of(const Topic& topic, std::string_view format);

// True for the formats that print lines of conntrack(8), and whether the topic has such lines.
bool is_conntrack_format(std::string_view format);
bool has_lines(const Topic& topic, std::string_view format);

}  // namespace natlens::cli
