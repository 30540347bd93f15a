#include "trace_carriers.h"

#include <fmt/format.h>

#include "natlens/report/table.h"
#include "natlens/report/text.h"

#include "blocks.h"

namespace natlens::report {
namespace {

// A row per outer flow, the packets of both directions and of all keys together.
constexpr std::string_view kCarriersSql =
    "SELECT t.name AS tap, c.protocol, c.src, c.sport, c.dst, c.dport, e.kind, e.basis,"
    " max(e.confidence) AS confidence, max(e.bits) AS bits, min(e.first_ns) AS first_ns,"
    " max(e.last_ns) AS last_ns, coalesce(sum(e.packets), 0) AS packets"
    " FROM encapsulation AS e JOIN connection AS c ON c.id = e.carrier_id"
    " JOIN tap AS t ON t.id = c.tap_id WHERE e.connection_id = ?1"
    " GROUP BY e.carrier_id, e.kind ORDER BY t.id, first_ns LIMIT 20";

constexpr std::string_view kInsideSql =
    "SELECT count(DISTINCT connection_id) AS inside FROM encapsulation WHERE carrier_id = ?1";

}  // namespace

void load_carriers(Loader& loader, Trace& trace) {
  for (const TraceConnection& connection : trace.connections) {
    const store::Table rows = loader.query(kCarriersSql, {connection.id});
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      TraceCarrier carrier;
      carrier.inner_tap = connection.tap;
      carrier.tap = rows.text(i, "tap");
      const std::string protocol = protocol_word(rows.text(i, "protocol"));
      carrier.carrier = fmt::format("{} {}", protocol, tuple_text(rows, i, protocol, ""));
      carrier.kind = rows.text(i, "kind");
      carrier.confidence = rows.text(i, "confidence");
      if (!null_at(rows, i, "bits")) carrier.bits = real_at(rows, i, "bits");
      carrier.packets = count_at(rows, i, "packets");
      carrier.first = time_at(rows, i, "first_ns");
      carrier.last = time_at(rows, i, "last_ns");
      trace.carriers.push_back(std::move(carrier));
    }
    const store::Table inside = loader.query(kInsideSql, {connection.id});
    if (!inside.rows.empty()) trace.inside += count_at(inside, 0, "inside");
  }
}

std::string carriers_text(const Trace& trace) {
  std::string out;
  if (trace.inside > 0) {
    out += fmt::format("\nit carried {} (natlens query DB carried_by)\n",
                       count_of(trace.inside, "connection", "connections"));
  }
  if (trace.carriers.empty()) return out;
  store::Table table{
      {"inside at", "carried at", "in", "carrier", "packets", "from (UTC)", "for", "sure"}, {}};
  for (const TraceCarrier& carrier : trace.carriers) {
    table.rows.push_back(
        {carrier.inner_tap, carrier.tap, carrier.kind, carrier.carrier,
         static_cast<std::int64_t>(carrier.packets), format_moment(carrier.first),
         format_duration(carrier.last - carrier.first),
         carrier.bits ? fmt::format("{} ({:.1f} bits)", carrier.confidence, *carrier.bits)
                      : carrier.confidence});
  }
  out += "\nin tunnels\n" + indented(table_text(table));
  return out;
}

}  // namespace natlens::report
