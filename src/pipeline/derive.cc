#include "derive.h"

#include "natlens/nat/observe.h"

namespace natlens::pipeline {

Result<void> derive(store::Writer& writer, const std::vector<TapSpan>& taps) {
  nat::RelationBuilder relations(static_cast<std::uint16_t>(taps.size()));
  for (const auto& tap : taps) relations.tap(tap.id, tap.first, tap.last);
  nat::MappingBuilder mappings([&](const nat::Mapping& row) { writer.mapping(row); });
  auto read = writer.each_translation(
      store::TranslationOrder::kByMapping,
      [&](const nat::TranslationRow& row) { mappings.add(row, relations.add(row)); });
  if (!read) return read;
  mappings.finish();
  for (const auto& row : relations.rows()) writer.nat(row);

  nat::PathBuilder paths([&](const nat::PathStep& row) { writer.path_step(row); });
  read = writer.each_translation(store::TranslationOrder::kChained,
                                 [&](const nat::TranslationRow& row) { paths.add(row); });
  if (!read) return read;
  paths.finish();
  return writer.flush();
}

}  // namespace natlens::pipeline
