// What helpers have to do with a packet's way: which entry gets one, and running it on each
// packet as nf_confirm does, after the protocol's tracker.
#include "engine.h"
#include "helper.h"

namespace natlens::conntrack {
namespace {

// Where the application's bytes begin; beyond the packet: there are none.
std::size_t payload_offset(const Transport& transport) {
  if (transport.protocol == protocol::kTcp) {
    return (load_u8(transport.captured, 12) >> 4) * 4U;
  }
  return 8;  // UDP
}

}  // namespace

// `by_rule`: attached by a rule, not by the kernel's own list of ports.
HelperKind Engine::helper_for(const Tuple& tuple, bool& by_rule) const {
  by_rule = true;
  for (const HelperRule& rule : values_.helpers) {
    if (rule.protocol == tuple.protocol && rule.port == tuple.dst_port) {
      return rule.helper;
    }
  }
  by_rule = false;
  if (values_.helper != 0 && values_.kernel.automatic_helpers) {
    for (const HelperInfo& info : helpers()) {
      if (info.protocol == tuple.protocol && info.port == tuple.dst_port) {
        return info.kind;
      }
    }
  }
  return HelperKind::kNone;
}

// Only what is translated has its payload rewritten.
PayloadNat Engine::nat_of(const Entry& entry) {
  const bool translated = entry.has(status::kSrcNat) || entry.has(status::kDstNat);
  return {way_ != nullptr && translated ? way_ : nullptr, &edits_};
}

// False: the helper drops the packet.
bool Engine::help(RecordNumber record,
                  const PacketView& view,
                  Direction direction,
                  PacketClass packet_class) {
  const auto kind = static_cast<HelperKind>(table_.extension_if(table_[record])->helper);
  if (kind == HelperKind::kNone) {
    return true;
  }
  const Transport& transport = view.transport;
  const std::size_t offset = std::min(payload_offset(transport), transport.captured.size());
  HelperPacket packet{table_,
                      expectations_,
                      gre_keys_,
                      record,
                      direction,
                      packet_class == PacketClass::kEstablished,
                      table_[record].has(status::kExpected),
                      transport.protocol,
                      transport.captured.subspan(offset),
                      transport.complete(),
                      0,
                      nat_of(table_[record])};
  if (transport.protocol == protocol::kTcp) {
    packet.seq = load_be32(transport.captured, 4);
  }
  const bool accepted = help_of(kind)(packet);
  if (!accepted) {
    edits_.clear();
  } else if (!edits_.empty()) {
    adjust(record, packet);
  }
  Entry& entry = table_[record];
  if (packet.refresh_seconds != 0 && !entry.has(status::kFixedTimeout)) {
    entry.timeout_seconds = packet.refresh_seconds;
    entry.expiry = now_ + std::chrono::seconds(packet.refresh_seconds);
    wheel_.changed(record);
  }
  for (const Tuple& tuple : packet.ended) {
    end_sibling(tuple, entry.zone);
  }
  return accepted;
}

// An entry that another one's end takes along (a PPTP call's GRE connection).
void Engine::end_sibling(const Tuple& tuple, std::uint32_t zone) {
  LookupKey key;
  set_key(key, tuple, zone);
  if (const auto found = table_.find(key)) {
    destroy(found.record, CloseReason::kReplaced, 0);
  }
}

// Its expectations die with a master, and PPTP calls with their control connection.
void Engine::master_gone(RecordNumber record) {
  const Extension* extension = table_.extension_if(table_[record]);
  if (extension == nullptr || extension->helper == 0) {
    return;
  }
  expectations_.cancel_all_of(record);
  if (static_cast<HelperKind>(extension->helper) == HelperKind::kPptp) {
    for (const Tuple& call : gre_keys_.calls_of(table_[record].serial)) {
      end_sibling(call, table_[record].zone);
    }
    gre_keys_.remove_of(table_[record].serial);
  }
}

}  // namespace natlens::conntrack
