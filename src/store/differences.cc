#include "natlens/store/differences.h"

#include <memory>

#include <fmt/format.h>
#include <sqlite3.h>

#include "natlens/store/database.h"

#include "binding.h"
#include "names.h"
#include "statement.h"
#include "text.h"

namespace natlens::store {
namespace {

constexpr int kPatienceMs = 5000;  // while another process writes
constexpr std::string_view kInsert =
    "INSERT INTO replay_difference VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

// Texts of one tuple, which live until its row is inserted.
struct Ends {
  explicit Ends(const Tuple& given) : tuple(given) {
    format_address(tuple.src, src);
    format_address(tuple.dst, dst);
  }
  void bind(Statement& to) const {
    const bool known = tuple.src.family() != Family::kNone;
    to.text_or_null(src.view()).integer_or_null(known, tuple.src_port);
    to.text_or_null(dst.view());
    to.integer_or_null(known, is_icmp(tuple.protocol) ? 0 : tuple.dst_port);
  }
  const Tuple& tuple;
  AddressText src;
  AddressText dst;
};

bool insert_all(sqlite3* db, std::string_view rules, std::span<const DifferenceRow> rows) {
  Statement to(db, kInsert);
  for (const DifferenceRow& row : rows) {
    const Ends left(row.left);
    const Ends entered(row.entered);
    to.text(rules).text(row.capture).integer(row.frame).text(row.real ? "router" : "rules");
    to.text(protocol_text(row.left.protocol));
    left.bind(to);
    entered.bind(to);
    if (to.insert() != SQLITE_DONE) return false;
  }
  return to.prepared();
}

}  // namespace

Result<void> keep_differences(const std::string& path,
                              std::string_view rules,
                              std::span<const DifferenceRow> rows) {
  if (auto checked = Database::open(path); !checked) return checked.error();
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr);
  const DatabaseHandle db(raw);
  const auto run = [&](const char* sql) {
    return sqlite3_exec(db.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK;
  };
  if (opened == SQLITE_OK) sqlite3_busy_timeout(db.get(), kPatienceMs);
  const bool done = opened == SQLITE_OK && run("BEGIN IMMEDIATE") &&
                    run("DELETE FROM replay_difference") && insert_all(db.get(), rules, rows) &&
                    run("COMMIT");
  if (done) return {};
  return Error{fmt::format("{}: the differences cannot be kept: {}; nothing was changed", path,
                           sqlite3_errmsg(db.get()))};
}

}  // namespace natlens::store
