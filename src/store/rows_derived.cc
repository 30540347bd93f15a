// How each record that is derived from stored translations becomes a row: the columns of
// sql/tables.sql, from first to last.
#include "binding.h"
#include "file_writer.h"
#include "names.h"

namespace natlens::store {

void FileWriter::mapping(const nat::Mapping& row) {
  if (!begin()) return;
  Statement& to = inserts_.mapping;
  AddressText internal, external;
  format_address(row.internal.address, internal);
  format_address(row.external.address, external);
  to.null().integer(row.nat).text(to_string(row.kind)).text(protocol_text(row.protocol));
  to.text(internal.view()).integer(row.internal.port);
  to.text(external.view()).integer(row.external.port);
  bind_moment(to, row.first);
  bind_moment(to, row.last).integer(row.translations).integer(row.far_endpoints);
  insert(to);
}

void FileWriter::nat(const nat::Nat& row) {
  if (!begin()) return;
  Statement& to = inserts_.nat;
  AddressText text;
  json_.clear();
  json_.raw('[');
  for (const auto& address : row.external_addresses) {
    format_address(address, text);
    if (json_.view().size() > 1) json_.raw(',');
    json_.json_string(text.view());
  }
  to.integer(row.id).integer(row.inside_tap).integer(row.outside_tap);
  to.text(nat::to_string(row.relation)).integer(as_integer(row.translations));
  for (const std::uint64_t count : row.by_kind) to.integer(as_integer(count));
  insert(to.text(json_.raw(']').view()));
}

namespace {

void write_ids(TextBuffer& json, const std::vector<std::int64_t>& ids) {
  json.clear();
  json.raw('[');
  for (const std::int64_t id : ids) {
    if (json.view().size() > 1) json.raw(',');
    json.integer(id);
  }
  json.raw(']');
}

}  // namespace

void FileWriter::behaviour(const nat::Behaviour& row) {
  if (!begin()) return;
  Statement& to = inserts_.behaviour;
  const bool decided = !row.value.empty();
  TextBuffer examples, counter_examples;
  write_ids(examples, row.examples);
  write_ids(counter_examples, row.counter_examples);
  to.null().integer(row.nat);
  to.text_or_null(row.protocol == 0 ? std::string_view() : protocol_text(row.protocol));
  to.text(nat::to_string(row.property)).text_or_null(row.value).text_or_null(row.confidence);
  to.integer(as_integer(row.evidence_for)).integer(as_integer(row.evidence_against));
  to.text(examples.view()).text(counter_examples.view()).text_or_null(row.detail);
  to.text_or_null(decided ? std::string_view() : nat::deciding_traffic(row.property));
  insert(to);
}

void FileWriter::finding(const findings::Finding& row) {
  if (!begin()) return;
  Statement& to = inserts_.finding;
  TextBuffer explains;
  write_ids(explains, row.explains);
  to.integer(row.id).text(row.code).text(to_string(row.severity));
  to.text(to_string(row.confidence)).text(to_string(row.subject)).integer(row.subject_id);
  to.text_or_null(row.variant);
  bind_moment(to, row.first);
  bind_moment(to, row.last).integer(as_integer(row.count)).text(row.facts).text(row.text);
  bind_reference(to, row.explained_by);
  insert(to.text(explains.view()));
  std::int64_t number = 0;
  for (const findings::Evidence& evidence : row.frames) {
    const findings::FrameRef& frame = evidence.frame;
    Statement& one = inserts_.finding_frame;
    one.integer(row.id).integer(++number).text(to_string(evidence.role)).integer(frame.tap);
    one.integer_or_null(frame.named(), frame.file);
    one.integer_or_null(frame.named(), frame.number);
    bind_moment(one, frame.time);
    insert(bind_reference(one, frame.connection));
  }
}

void FileWriter::path_step(const nat::PathStep& row) {
  if (!begin()) return;
  Statement& to = inserts_.path_step;
  to.integer(row.path).integer(row.step).integer(row.connection);
  bind_reference(to, row.translation);
  insert(to);
}

}  // namespace natlens::store
