#include "derive.h"

#include <utility>

#include "natlens/findings/diagnose.h"
#include "natlens/nat/behaviour.h"
#include "natlens/nat/observe.h"

namespace natlens::pipeline {

Result<void> derive(store::Writer& writer,
                    const std::vector<TapSpan>& taps,
                    const std::vector<TunnelledTaps>& tunnelled) {
  nat::RelationBuilder relations(static_cast<std::uint16_t>(taps.size()));
  for (const auto& tap : taps) relations.tap(tap.id, tap.first, tap.last);
  nat::MappingBuilder mappings([&](const nat::Mapping& row) { writer.mapping(row); });
  nat::BehaviourBuilder behaviours;
  for (const auto& tap : taps) behaviours.tap(tap.id, tap.last);
  auto read = writer.each_translation(store::TranslationOrder::kByMapping,
                                      [&](const nat::TranslationRow& row) {
                                        const std::int64_t nat = relations.add(row);
                                        mappings.add(row, nat);
                                        behaviours.add(nat, row);
                                      });
  if (!read) return read;
  mappings.finish();
  for (const TunnelledTaps& pair : tunnelled) {
    nat::TranslationRow row;
    row.kind = correlate::TranslationKind::kTunnel;
    row.inside_tap = pair.inside;
    row.outside_tap = pair.outside;
    for (std::uint64_t i = 0; i < pair.connections; ++i) relations.add(row);
  }
  const auto nats = relations.rows();
  for (const auto& row : nats) writer.nat(row);

  behaviours.seal();
  read = writer.each_unpaired([&](const nat::UnpairedRow& row) { behaviours.unpaired(row); });
  if (!read) return read;
  for (const auto& row : behaviours.rows(nats)) writer.behaviour(row);

  nat::PathBuilder paths([&](const nat::PathStep& row) { writer.path_step(row); });
  read = writer.each_translation(store::TranslationOrder::kChained,
                                 [&](const nat::TranslationRow& row) { paths.add(row); });
  if (!read) return read;
  paths.finish();
  return writer.flush();
}

Result<void> diagnose(store::Writer& writer, const findings::Parameters& parameters) {
  // What a small capture has is read back whole. Of a large one, this much of what is out of
  // the ordinary: bounded, and cheap where nothing is.
  constexpr std::size_t kMostConnections = 8192;
  findings::Rows rows;
  if (auto read = writer.picture(kMostConnections, rows); !read) return read;
  for (const auto& finding : findings::diagnose(std::move(rows), parameters)) {
    writer.finding(finding);
  }
  return writer.flush();
}

}  // namespace natlens::pipeline
