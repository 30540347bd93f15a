// Trace, between its two steps: which connections and hops belong to one trace, and how their
// rows are read.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/report/trace.h"

#include "loader.h"

namespace natlens::report {

// Frames are said as file:number; the folder is said only where two files have one name.
class TraceFiles {
 public:
  explicit TraceFiles(Loader& loader);
  std::string frame(const store::Table& table,
                    std::size_t row,
                    std::string_view file,
                    std::string_view number) const;

 private:
  std::map<std::int64_t, std::string> names_;
};

struct PlannedHop {
  std::int64_t translation = 0;
  std::int64_t from = 0;  // connection.id
  std::int64_t to = 0;
};

// What belongs to one trace, before its rows are read.
struct TracePlan {
  std::vector<std::int64_t> connections;
  std::vector<PlannedHop> hops;
  std::set<std::int64_t> turned;  // connections that their tap shows the other way round
};

class TraceLoader {
 public:
  explicit TraceLoader(Loader& loader)
      : loader_(loader), files_(loader) {}  // `loader` outlives it
  Trace load(const TracePlan& plan);

 private:
  TraceConnection load_connection(std::int64_t id, bool turned);
  TraceHop load_hop(const PlannedHop& planned, const Trace& trace, const TracePlan& plan);
  void load_events(std::int64_t id, std::size_t column, Ladder& ladder);

  Loader& loader_;
  TraceFiles files_;
};

}  // namespace natlens::report
