// Reading back what diagnosis asks for.
#pragma once

#include <functional>
#include <string_view>

#include <absl/container/flat_hash_map.h>

#include "natlens/findings/records.h"

#include "columns.h"
#include "statement.h"

namespace natlens::store {

inline findings::FrameRef read_frame(Columns& column) {
  findings::FrameRef ref;
  ref.file = column.integer();
  ref.number = column.number<std::uint32_t>();
  return ref;
}
std::array<std::uint8_t, 6> parse_mac(std::string_view text);  // "02:00:0a:..."; "" is zeros

class PictureReader {
 public:
  // Where there is much, the newest, of what ended at `newest_since` or later; 0: the oldest.
  PictureReader(sqlite3* db, std::int64_t newest_since, findings::Rows& rows)
      : db_(db), newest_since_(newest_since), rows_(rows) {}
  // False: SQLite failed, and says why.
  bool read(std::size_t most);

 private:
  using Use = std::function<void(Columns&)>;
  bool each(std::string_view sql, const Use& use);
  bool run(const char* sql);
  bool choose(std::size_t most);
  bool read_taps();
  bool read_connections();
  bool read_translations();
  bool read_accounts();
  bool read_fates();
  bool read_notes();
  findings::Note read_note(Columns& column) const;
  bool read_invalid();
  bool read_nats();
  bool read_behaviours();
  bool read_mappings();
  bool read_carriers();
  bool read_tunnelled();
  bool read_statements();
  std::uint32_t index_of(std::int64_t connection) const;

  sqlite3* db_;
  const std::int64_t newest_since_;
  findings::Rows& rows_;
  absl::flat_hash_map<std::int64_t, std::uint32_t> index_;         // by connection.id
  absl::flat_hash_map<std::int64_t, std::uint32_t> translations_;  // by translation.id
};

}  // namespace natlens::store
