// What ties a client's connection to the proxy's: the target asked for, by address or name, the
// end that the proxy says is its own, and the client that a PROXY header names.
#include "requests.h"

#include <string_view>

#include "support/catch.h"

namespace natlens::correlate {
namespace {

using stream::Statement;
using stream::StatementKind;

Connection connection(std::uint16_t tap, std::string_view src, std::string_view dst) {
  Connection out;
  out.tap = tap;
  out.serial = 1;
  const auto from = parse_endpoint(src);
  const auto to = parse_endpoint(dst);
  out.original = {.src = from->address, .dst = to->address};
  out.original.src_port = from->port;
  out.original.dst_port = to->port;
  out.original.protocol = protocol::kTcp;
  return out;
}

Statement said(StatementKind kind, std::string_view named, std::string_view text = "") {
  Statement out;
  out.kind = kind;
  out.protocol = stream::StatementProtocol::kSocks;
  out.connection = 1;
  if (!named.empty()) out.named = *parse_endpoint(named);
  out.text_bytes = static_cast<std::uint8_t>(text.size());
  std::copy(text.begin(), text.end(), out.text.begin());
  return out;
}

const Connection kClient = connection(0, "10.0.0.2:4000", "10.0.0.1:1080");
const Connection kProxy = connection(1, "198.51.100.1:6000", "192.0.2.9:443");

}  // namespace

TEST_CASE("requests: a target asked for by address", "[correlate]") {
  Requests requests;
  CHECK(requests.tie(kClient, kProxy) == Tie::kNone);
  CHECK(requests.say(0, said(StatementKind::kConnect, "192.0.2.9:443"), 1));
  CHECK(requests.tie(kClient, kProxy) == Tie::kTarget);
  CHECK(requests.tie(kProxy, kClient) == Tie::kNone);
  CHECK(requests.tie(kClient, connection(1, "198.51.100.1:6000", "192.0.2.9:80")) ==
        Tie::kNone);
  CHECK(requests.tie(kClient, connection(1, "198.51.100.1:6000", "192.0.2.8:443")) ==
        Tie::kNone);
  // The proxy's own end, unless it does not want to tell.
  requests.say(0, said(StatementKind::kBound, "0.0.0.0:0"), 2);
  CHECK(requests.tie(kClient, kProxy) == Tie::kTarget);
  requests.say(0, said(StatementKind::kBound, "198.51.100.1:6000"), 2);
  CHECK(requests.tie(kClient, kProxy) == Tie::kExact);
  requests.forget(0, 1);
  CHECK(requests.tie(kClient, kProxy) == Tie::kNone);
}

TEST_CASE("requests: a target asked for by name is what the name was resolved to",
          "[correlate]") {
  Requests requests;
  Statement asked = said(StatementKind::kConnect, "", "www.Example");
  asked.named.port = 443;
  requests.say(0, asked, 1);
  CHECK(requests.tie(kClient, kProxy) == Tie::kNone);
  Statement resolved = said(StatementKind::kResolved, "192.0.2.9:0", "WWW.example");
  CHECK_FALSE(requests.say(1, resolved, 2));
  CHECK(requests.tie(kClient, kProxy) == Tie::kTarget);
  // The last four addresses of a name are known.
  for (const auto* other : {"192.0.2.1:0", "192.0.2.2:0", "192.0.2.3:0"}) {
    requests.say(1, said(StatementKind::kResolved, other, "www.example"), 3);
    CHECK(requests.tie(kClient, kProxy) == Tie::kTarget);
  }
  requests.say(1, said(StatementKind::kResolved, "192.0.2.4:0", "www.example"), 3);
  CHECK(requests.tie(kClient, kProxy) == Tie::kNone);
  // An address written as a name needs no DNS.
  Statement written = said(StatementKind::kConnect, "", "192.0.2.9");
  written.named.port = 443;
  requests.say(0, written, 4);
  CHECK(requests.tie(kClient, kProxy) == Tie::kTarget);
}

TEST_CASE("requests: a PROXY header names the client's own connection", "[correlate]") {
  Requests requests;
  Statement header = said(StatementKind::kClient, "10.0.0.2:4000");
  header.whose = *parse_endpoint("10.0.0.1:1080");
  requests.say(1, header, 1);
  CHECK(requests.tie(kClient, kProxy) == Tie::kExact);
  CHECK(requests.tie(connection(0, "10.0.0.2:4001", "10.0.0.1:1080"), kProxy) == Tie::kNone);
  std::size_t seen = 0;
  requests.each(0, 5, [&](const ConnectionRef& who) {
    CHECK(who == ConnectionRef{1, 1});
    return ++seen < 10;
  });
  CHECK(seen == 1);
}

}  // namespace natlens::correlate
