// nf_conntrack_sip.c, Linux 6.18.
#include "sip_message.h"
#include "support/catch.h"
#include "support/trace.h"

namespace natlens::test {
namespace {

using Events = std::vector<std::string>;

const std::string kOut = "10.0.0.2:5060 > 192.0.2.9:5060";
const std::string kBack = "192.0.2.9:5060 > 10.0.0.2:5060";

std::string sdp(const std::string& address, const std::string& media) {
  return "v=0\r\no=- 1 1 IN IP4 " + address + "\r\ns=-\r\nc=IN IP4 " + address +
         "\r\nt=0 0\r\n" + media;
}

std::string request(const std::string& method,
                    const std::string& headers,
                    const std::string& body = "") {
  return method + " sip:bob@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060\r\n" + headers +
         "\r\n" + body;
}

struct Call {
  static conntrack::Options options() {
    auto options = Trace::kernel_options();
    REQUIRE(options.add_helper("sip"));
    return options;
  }
  Trace trace{options()};
  Events out(const std::string& text) { return trace.udp(kOut, text).events(); }
  Events back(const std::string& text) { return trace.udp(kBack, text).events(); }
};

const std::string kInvite =
    request("INVITE", "CSeq: 1 INVITE\r\n", sdp("10.0.0.2", "m=audio 30000 RTP/AVP 0\r\n"));

}  // namespace

TEST_CASE("sip: an INVITE announces RTP and RTCP, and lives an hour", "[conntrack][helper]") {
  Call call;
  CHECK(call.out(kInvite) == Events{"EXP_NEW sip 192.0.2.9:0 > 10.0.0.2:30000",
                                    "EXP_NEW sip 192.0.2.9:0 > 10.0.0.2:30001",
                                    "NEW 1 t=3600"});
  call.trace.udp("192.0.2.9:20000 > 10.0.0.2:30000");
  CHECK(call.trace.seen() == "RELATED");
}

TEST_CASE("sip: the answer's description announces the other side", "[conntrack][helper]") {
  Call call;
  call.out(kInvite);
  CHECK(call.back("SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n" +
                  sdp("192.0.2.9", "m=audio 41001 RTP/AVP 0\r\nm=video 42000 RTP/AVP 0\r\n")) ==
        Events{"EXP_NEW sip 10.0.0.2:0 > 192.0.2.9:41000",
               "EXP_NEW sip 10.0.0.2:0 > 192.0.2.9:41001",
               "EXP_NEW sip 10.0.0.2:0 > 192.0.2.9:42000",
               "EXP_NEW sip 10.0.0.2:0 > 192.0.2.9:42001", "UPDATE 1 t=3600"});
}

TEST_CASE("sip: media of other hosts and inactive streams announce nothing",
          "[conntrack][helper]") {
  Call call;
  CHECK(call.out(request("INVITE", "CSeq: 1 INVITE\r\n",
                         sdp("10.0.0.99", "m=audio 30000 RTP/AVP 0\r\n"))) ==
        Events{"NEW 1 t=3600"});
  CHECK(call.out(request("INVITE", "CSeq: 2 INVITE\r\n",
                         sdp("10.0.0.2", "m=audio 0 RTP/AVP 0\r\n")))
            .empty());
}

TEST_CASE("sip: BYE and failures take announcements back", "[conntrack][helper]") {
  const Events gone{"EXP_DESTROY sip 192.0.2.9:0 > 10.0.0.2:30000",
                    "EXP_DESTROY sip 192.0.2.9:0 > 10.0.0.2:30001"};
  Call bye;
  bye.out(kInvite);
  CHECK(bye.out(request("BYE", "CSeq: 2 BYE\r\n")) == gone);
  Call busy;
  busy.out(kInvite);
  Events with_reply = gone;
  with_reply.push_back("UPDATE 1 t=3600");
  CHECK(busy.back("SIP/2.0 486 Busy\r\nCSeq: 1 INVITE\r\n\r\n") == with_reply);
  Call other;
  other.out(kInvite);
  CHECK(other.back("SIP/2.0 486 Busy\r\nCSeq: 9 INVITE\r\n\r\n") == Events{"UPDATE 1 t=3600"});
}

TEST_CASE("sip: a registration opens for calls once it is confirmed", "[conntrack][helper]") {
  Call call;
  CHECK(call.out(request("REGISTER",
                         "CSeq: 5 REGISTER\r\nExpires: 60\r\n"
                         "Contact: <sip:a@10.0.0.2:5070>\r\n")) ==
        Events{"EXP_NEW sip 192.0.2.9:0 > 10.0.0.2:5070", "NEW 1 t=3600"});
  call.trace.udp("192.0.2.9:6000 > 10.0.0.2:5070", "early");
  CHECK(call.trace.seen() == "NEW");
  call.back(
      "SIP/2.0 200 OK\r\nCSeq: 5 REGISTER\r\nContact: <sip:a@10.0.0.2:5070>;expires=60\r\n"
      "\r\n");
  call.trace.udp("192.0.2.9:6001 > 10.0.0.2:5070", "call");
  CHECK(call.trace.seen() == "RELATED");
  CHECK(call.trace.connection().helper == "sip");
}

TEST_CASE("sip: a refused registration is forgotten", "[conntrack][helper]") {
  Call call;
  call.out(request("REGISTER", "CSeq: 5 REGISTER\r\nExpires: 60\r\nm: <sip:10.0.0.2>\r\n"));
  CHECK(call.back("SIP/2.0 403 No\r\nCSeq: 5 REGISTER\r\n\r\n") ==
        Events{"EXP_DESTROY sip 192.0.2.9:0 > 10.0.0.2:5060", "UPDATE 1 t=3600"});
}

TEST_CASE("sip: a request without a sequence is dropped", "[conntrack][helper]") {
  Call call;
  call.out("OPTIONS sip:b SIP/2.0\r\n\r\n");
  CHECK(call.trace.connection().connection == 1);
  CHECK(call.back(request("INVITE", "Subject: x\r\n")).empty());  // its event waits
  CHECK(call.back("OPTIONS sip:b SIP/2.0\r\n\r\n") == Events{"UPDATE 1 t=3600"});
}

TEST_CASE("sip message: headers by name or letter, in any case", "[conntrack][helper]") {
  using conntrack::SipMessage;
  const SipMessage message(
      "REGISTER sip:x SIP/2.0\r\nEXPIRES :  77 \r\ncseq: 12 REGISTER\r\n"
      "M: \"a\" <sip:u@192.0.2.1:6000;transport=TCP>;expires=5\r\n\r\nv=0\r\n");
  CHECK(message.method() == "REGISTER");
  CHECK(message.expires() == 77U);
  CHECK(message.sequence() == 12U);
  std::size_t next = 0;
  bool found = false;
  const auto uri = message.contact(next, found);
  REQUIRE(uri);
  CHECK(uri->port == 6000);
  CHECK(conntrack::sip_transport(uri->rest) == 6);
  CHECK(conntrack::sip_number_parameter(uri->rest, "expires=") == 5U);
  CHECK(message.body() == "v=0\r\n");
  CHECK(SipMessage("").body().empty());
  CHECK(SipMessage("SIP/2.0 ").status_code() == 0);
}

TEST_CASE("sip: every cut of a message is survived", "[conntrack][helper]") {
  for (std::size_t n = 1; n < kInvite.size(); ++n) {
    Call call;
    call.out(kInvite.substr(0, n));
    CHECK(call.trace.packet_class() == "NEW");
  }
}

}  // namespace natlens::test
