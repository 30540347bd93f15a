// Rows of the database as lines of conntrack(8).
#pragma once

#include <memory>

#include "natlens/report/table.h"

namespace natlens::report {

// -L -o extended, -L -o save, -E -o extended,timestamp
enum class ConntrackFormat : std::uint8_t { kList, kSave, kEvents };

// A printer for rows with the columns protocol, src, sport, dst, dport, reply_src, reply_sport,
// reply_dst, reply_dport, icmp_type, icmp_code, reply_icmp_type, state, flags and timeout_s, by
// these names in any order, as the view `conntrack` has them; for kEvents time_ns and event,
// too, as the view `connection_events` has them, where a state of NULL is none that the message
// carries. A row whose addresses cannot be read is left out.
std::unique_ptr<TablePrinter> make_conntrack_printer(ConntrackFormat format, Write write);

}  // namespace natlens::report
