// Collects what rules raise: one row per code, subject and variant.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "gates.h"
#include "picture.h"

namespace natlens::findings {

// What a rule says. Raised again for the same code, subject and variant it is one row: counts
// add up, frames and connections join, facts and text are those of the first.
struct Draft {
  std::string_view code;
  std::string variant;
  Severity severity = Severity::kError;
  Confidence confidence = Confidence::kCertain;
  Subject subject = Subject::kConnection;
  std::int64_t subject_id = 0;
  std::uint64_t count = 1;
  nlohmann::ordered_json facts = nlohmann::ordered_json::object();
  std::string text;
  std::vector<Evidence> frames;            // in any order; first and last are by their time
  std::vector<std::uint32_t> connections;  // by index: what it is about, for `explains`

  void frame(Role role, const FrameRef& ref) {
    if (ref.named()) frames.push_back({role, ref});
  }
  // Where the image of a packet seen at `time` should have been.
  void missing(std::int64_t tap, Timestamp time) {
    FrameRef place;
    place.tap = tap;
    place.time = time;
    frames.push_back({Role::kMissingImage, place});
  }
};

class Report {
 public:
  explicit Report(const Picture& picture) : picture_(picture) {}

  void raise(Draft draft);
  // A gate was shut: this code could not be judged because of the capture of `tap`.
  void blocked(std::string_view code, std::int64_t tap) { blocked_[tap].insert(code); }
  const std::map<std::int64_t, std::set<std::string_view>>& blocked() const { return blocked_; }
  // Something was raised about this connection, or another of its flow.
  bool raised(std::string_view code, std::uint32_t connection) const;

  // What was raised and can name its frames, symptoms under their causes, in order.
  std::vector<Finding> finish();

 private:
  using Key = std::tuple<std::string_view, Subject, std::int64_t, std::string>;
  bool tells_enough(const Draft& draft) const;
  bool covers(const Draft& cause, const Draft& symptom) const;
  void explain(std::vector<Draft*>& drafts, std::vector<Finding>& findings) const;

  const Picture& picture_;
  std::map<Key, Draft> drafts_;
  std::map<std::int64_t, std::set<std::string_view>> blocked_;
  std::set<std::pair<std::string_view, std::uint32_t>> about_;  // code, flow
};

}  // namespace natlens::findings
