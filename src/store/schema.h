// The schema as SQL text, compiled in from src/store/sql/*.sql.
#pragma once

#include <cstdint>

namespace natlens::store {

extern const char kTablesSql[];
extern const char kTranslationsSql[];
extern const char kRouterSql[];
extern const char kViewsSql[];
extern const char kTunnelsSql[];
extern const char kPacketsSql[];
extern const char kIndexesSql[];
extern const char kSuspectSql[];

// PRAGMA user_version: rises when a table, view or column changes meaning or goes.
inline constexpr std::int64_t kSchemaVersion = 1;
// PRAGMA application_id: "natl", at byte 68 of the file (sqlite.org/fileformat2.html).
inline constexpr std::uint32_t kApplicationId = 0x6e61746c;

}  // namespace natlens::store
