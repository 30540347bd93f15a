// Protocols without states or checks: GRE (nf_conntrack_proto_gre.c) and everything that has no
// tracker of its own (nf_conntrack_proto_generic.c).
#include "protocols.h"

namespace natlens::conntrack {

Outcome track_gre(Track& track) {
  if (!track.entry.has(status::kSeenReply)) {
    track.refresh(track.options.gre_timeout);
    return Outcome::kAccept;
  }
  track.refresh(track.options.gre_timeout_stream);
  track.assure();
  return Outcome::kAccept;
}

Outcome track_generic(Track& track) {
  track.refresh(track.options.generic_timeout);
  return Outcome::kAccept;
}

}  // namespace natlens::conntrack
