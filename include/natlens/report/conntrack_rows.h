// Rows of the database as lines of conntrack(8).
#pragma once

#include <memory>

#include "natlens/report/table.h"

namespace natlens::report {

enum class ConntrackFormat : std::uint8_t { kList, kSave };  // -L -o extended, -L -o save

// A printer for rows with the columns protocol, src, sport, dst, dport, reply_src, reply_sport,
// reply_dst, reply_dport, icmp_type, icmp_code, reply_icmp_type, state, flags and timeout_s, by
// these names in any order, as the view `conntrack` has them. A row whose addresses cannot be
// read is left out.
std::unique_ptr<TablePrinter> make_conntrack_printer(ConntrackFormat format, Write write);

}  // namespace natlens::report
