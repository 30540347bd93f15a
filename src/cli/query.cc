// natlens query: a named question of the catalogue, or SQL.
#include <algorithm>
#include <charconv>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "natlens/report/table.h"
#include "natlens/store/database.h"

#include "command.h"
#include "options.h"
#include "terminal.h"

namespace natlens::cli {
namespace {

constexpr std::string_view kFooter = R"(
Without a question the catalogue is listed. Names that begin with checks/ are checks: they return
what is wrong, nothing when all is well, and end with code 1 if there is a row.

Examples:
  natlens query nat.db
  natlens query nat.db port_clashes
  natlens query nat.db who_was --set address=198.51.100.1 --set port=40211
  natlens query nat.db "SELECT * FROM translations WHERE inside_src = '192.168.1.100'"
  natlens query nat.db --format csv - < question.sql)";

constexpr std::string_view kChecks = "checks/";

struct QueryOptions {
  std::string database;
  std::string question;
  std::string format = "table";
  std::vector<std::string> sets;
};

const store::NamedQuery* find_query(std::string_view name) {
  for (const store::NamedQuery& query : store::catalogue()) {
    if (query.name == name) return &query;
  }
  return nullptr;
}

// SQL has more than one word; a name has one.
bool looks_like_sql(std::string_view text) {
  return text.find_first_of(" \t\n;(") != std::string_view::npos;
}

Error unknown_name(const std::string& name) {
  std::vector<std::string_view> names;
  for (const store::NamedQuery& query : store::catalogue()) names.push_back(query.name);
  return Error{
      fmt::format("no query '{}'{} (`natlens query DB` lists them; SQL goes in quotes)", name,
                  did_you_mean(name, names))};
}

Result<Exit> list_catalogue(report::TableFormat format) {
  store::Table table{{"name", "question"}, {}};
  for (const store::NamedQuery& query : store::catalogue()) {
    table.rows.push_back({std::string(query.name), std::string(query.question)});
  }
  Output out;
  const auto printer = make_printer(format, {0, terminal_style().bold_head}, out.writer());
  report::print_table(table, *printer);
  return out.finish(Exit::kOk);
}

store::Value value_of(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  return std::string(text);
}

// What --set NAME=VALUE gives the statement, in the order of its parameters; the others are
// NULL.
Result<std::vector<store::Value>> bind_sets(store::Database& database,
                                            std::string_view sql,
                                            const std::vector<std::string>& sets) {
  const auto names = database.parameters(sql);
  if (!names) return names.error();
  std::vector<store::Value> values(names->size());
  for (const std::string& set : sets) {
    const std::size_t equals = set.find('=');
    if (equals == std::string::npos) {
      return Error{fmt::format("--set {}: NAME=VALUE is needed", set)};
    }
    const std::string name = set.substr(0, equals);
    const auto at = std::find(names->begin(), names->end(), name);
    if (at == names->end()) {
      return Error{names->empty() ? fmt::format("--set {}: this query has no parameters", set)
                                  : fmt::format("--set {}: no such parameter; the query has {}",
                                                set, fmt::join(*names, ", "))};
    }
    values[static_cast<std::size_t>(at - names->begin())] = value_of(set.substr(equals + 1));
  }
  return values;
}

Result<Exit> run_sql(store::Database& database,
                     std::string_view sql,
                     const QueryOptions& options,
                     report::TableFormat format,
                     bool check) {
  const auto parameters = bind_sets(database, sql, options.sets);
  if (!parameters) return parameters.error();
  Output out;
  const auto printer = make_printer(format, terminal_style(), out.writer());
  bool any = false;
  const auto done = database.each(
      sql, *parameters, [&](std::span<const std::string> columns) { printer->head(columns); },
      [&](std::span<const store::Value> values) {
        any = true;
        return printer->row(values);
      });
  if (!done) return done.error();
  printer->end();
  return out.finish(check && any ? Exit::kNo : Exit::kOk);
}

Result<Exit> query(const QueryOptions& options) {
  const auto format =
      report::parse_table_format(options.format).value_or(report::TableFormat::kTable);
  const auto database = open_database(options.database);
  if (!database) return database.error();
  if (options.question.empty()) return list_catalogue(format);
  if (const store::NamedQuery* named = find_query(options.question)) {
    return run_sql(**database, named->sql, options, format, named->name.starts_with(kChecks));
  }
  if (options.question == "-") {
    const std::string sql{std::istreambuf_iterator<char>(std::cin), {}};
    return run_sql(**database, sql, options, format, false);
  }
  if (!looks_like_sql(options.question)) return unknown_name(options.question);
  return run_sql(**database, options.question, options, format, false);
}

}  // namespace

Command add_query(CLI::App& program) {
  auto options = std::make_shared<QueryOptions>();
  CLI::App* app = program.add_subcommand("query", "Ask a database: a named question, or SQL");
  add_database(*app, options->database);
  app->add_option("QUESTION", options->question,
                  "Name of the catalogue, SQL, or - for standard input")
      ->type_name("NAME|SQL|-");
  app->add_option("--set", options->sets, "Give a parameter of the query a value")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  add_table_format(*app, options->format);
  app->footer(std::string(kFooter));
  return {app, [options] { return query(*options); }};
}

}  // namespace natlens::cli
