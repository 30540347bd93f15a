// nf_conntrack_ftp.c, _tftp.c, _irc.c, _pptp.c, _amanda.c, _sane.c, _broadcast.c, Linux 6.18,
// and what expectations do (nf_conntrack_expect.c).
#include "support/catch.h"
#include "support/trace.h"

namespace natlens::test {
namespace {

conntrack::Options with_helper(const std::string& spec) {
  auto options = Trace::kernel_options();
  REQUIRE(options.add_helper(spec));
  return options;
}

using Events = std::vector<std::string>;

// A TCP connection under a helper: established, client at 1001, server at 5001.
class Control {
 public:
  Control(const std::string& helper, const std::string& port)
      : Control(with_helper(helper), port) {}
  Control(const conntrack::Options& options, const std::string& port)
      : trace(options),
        out("10.0.0.2:4000 > 192.0.2.9:" + port),
        back("192.0.2.9:" + port + " > 10.0.0.2:4000") {
    trace.tcp(out + " S seq 1000").tcp(back + " SA seq 5000 ack 1001");
    trace.tcp(out + " A seq 1001 ack 5001");
  }
  Trace& client(std::string_view text) {
    trace.tcp_text(out, sent_, received_, text);
    sent_ += static_cast<std::uint32_t>(text.size());
    return trace;
  }
  Trace& server(std::string_view text) {
    trace.tcp_text(back, received_, sent_, text);
    received_ += static_cast<std::uint32_t>(text.size());
    return trace;
  }

  Trace trace;
  std::string out;
  std::string back;

 private:
  std::uint32_t sent_ = 1001;
  std::uint32_t received_ = 5001;
};

std::string_view view(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("ftp: PORT, EPRT, 227 and 229 announce data connections", "[conntrack][helper]") {
  struct Row {
    bool client;
    std::string line;
    std::string event;
  };
  const std::vector<Row> rows{
      {true, "PORT 10,0,0,2,156,65\r\n", "EXP_NEW ftp 192.0.2.9:0 > 10.0.0.2:40001"},
      {true, "port 10,0,0,2,0,20\r\n", "EXP_NEW ftp 192.0.2.9:0 > 10.0.0.2:20"},
      {true, "EPRT |1|10.0.0.2|40001|\r\n", "EXP_NEW ftp 192.0.2.9:0 > 10.0.0.2:40001"},
      {false, "227 Entering (192,0,2,9,195,80).\r\n",
       "EXP_NEW ftp 10.0.0.2:0 > 192.0.2.9:50000"},
      {false, "227 =192,0,2,9,195,80\r\n", "EXP_NEW ftp 10.0.0.2:0 > 192.0.2.9:50000"},
      {false, "229 Ok (|||50001|)\r\n", "EXP_NEW ftp 10.0.0.2:0 > 192.0.2.9:50001"},
      {true, "PORT 10,0,0,3,156,65\r\n", ""},  // somebody else's address
      {true, "NOOP\r\n", ""},
      {false, "200 PORT 10,0,0,2,1,1\r\n", ""},  // not the client's
      {true, " PORT 10,0,0,2,1,1\r\n", ""},      // not at the start
  };
  for (const Row& row : rows) {
    INFO(row.line);
    Control ftp("ftp", "21");
    ftp.server("220 hi\r\n");
    ftp.client("USER x\r\n");
    row.client ? ftp.client(row.line) : ftp.server(row.line);
    CHECK(ftp.trace.events() == (row.event.empty() ? Events{} : Events{row.event}));
  }
}

TEST_CASE("ftp: the first line of a direction is not looked at", "[conntrack][helper]") {
  Control ftp("ftp", "21");
  CHECK(ftp.client("PORT 10,0,0,2,156,65\r\n").events().empty());
  CHECK(ftp.client("PORT 10,0,0,2,156,65\r\n").events().size() == 1);
}

TEST_CASE("ftp: a command cut at a segment's end is dropped, its events wait",
          "[conntrack][helper]") {
  Control ftp("ftp", "21");
  ftp.client("USER x\r\n");
  CHECK(ftp.client("PORT 10,0,0,2,15").events().empty());
  CHECK(ftp.trace.seen() == "ESTABLISHED");
  // The rest does not begin behind a newline.
  CHECK(ftp.client("6,65\r\n").events().empty());
}

TEST_CASE("ftp: an expected connection is RELATED until it is answered, once",
          "[conntrack][helper]") {
  Control ftp("ftp", "21");
  ftp.client("USER x\r\n");
  ftp.client("PORT 10,0,0,2,156,65\r\n");
  ftp.trace.tcp("192.0.2.9:20 > 10.0.0.2:40001 S seq 9000");
  CHECK(ftp.trace.seen() == "RELATED");
  CHECK(ftp.trace.events() ==
        Events{"EXP_DESTROY ftp 192.0.2.9:0 > 10.0.0.2:40001", "NEW 2 SYN_SENT t=120"});
  CHECK(ftp.trace.openings().back().master == 1);
  ftp.trace.tcp("192.0.2.9:20 > 10.0.0.2:40001 S seq 9000");
  CHECK(ftp.trace.seen() == "RELATED");
  ftp.trace.tcp("10.0.0.2:40001 > 192.0.2.9:20 SA seq 1 ack 9001");
  CHECK(ftp.trace.seen() == "ESTABLISHED reply");
  ftp.trace.tcp("192.0.2.9:21000 > 10.0.0.2:40001 S seq 9000");
  CHECK(ftp.trace.seen() == "NEW");
}

TEST_CASE("expectations: one of a class at a time, five minutes, and not without the master",
          "[conntrack][helper]") {
  Control ftp("ftp", "21");
  ftp.client("USER x\r\n");
  ftp.client("PORT 10,0,0,2,156,65\r\n");
  CHECK(ftp.client("PORT 10,0,0,2,156,66\r\n").events() ==
        Events{"EXP_DESTROY ftp 192.0.2.9:0 > 10.0.0.2:40001",
               "EXP_NEW ftp 192.0.2.9:0 > 10.0.0.2:40002"});
  // The same again is refreshed.
  ftp.trace.at(200s);
  CHECK(ftp.client("PORT 10,0,0,2,156,66\r\n").events() ==
        Events{"EXP_DESTROY ftp 192.0.2.9:0 > 10.0.0.2:40002",
               "EXP_NEW ftp 192.0.2.9:0 > 10.0.0.2:40002"});
  ftp.trace.tcp(ftp.back + " A seq 5001 ack 1075");
  ftp.trace.advance(499.9s);
  CHECK(ftp.trace.events().empty());
  ftp.trace.advance(500s);
  CHECK(ftp.trace.events() == Events{"EXP_DESTROY ftp 192.0.2.9:0 > 10.0.0.2:40002"});
  ftp.client("PORT 10,0,0,2,156,67\r\n");
  ftp.trace.tcp(ftp.back + " R seq 5001");
  ftp.trace.advance(520s);
  CHECK(ftp.trace.events() == Events{"DESTROY 1 CLOSE",
                                     "EXP_DESTROY ftp 192.0.2.9:0 > 10.0.0.2:40003",
                                     "CLOSED 1 expired"});
}

TEST_CASE("tftp: the answer comes from any port of the server", "[conntrack][helper]") {
  Trace trace(with_helper("tftp"));
  trace.udp("10.0.0.2:5000 > 192.0.2.9:69", std::string_view("\0\1boot\0octet", 12));
  CHECK(trace.events() == Events{"EXP_NEW tftp 192.0.2.9:0 > 10.0.0.2:5000", "NEW 1 t=30"});
  trace.udp("192.0.2.9:33333 > 10.0.0.2:5000");
  CHECK(trace.seen() == "RELATED");
  Trace data(with_helper("tftp"));
  data.udp("10.0.0.2:5000 > 192.0.2.9:69", std::string_view("\0\3xx", 4));
  CHECK(data.events() == Events{"NEW 1 t=30"});
}

TEST_CASE("helpers are off unless asked for, and attach to their port alone",
          "[conntrack][helper]") {
  const std::string_view request("\0\1boot\0octet", 12);
  Trace off;
  off.udp("10.0.0.2:5000 > 192.0.2.9:69", request);
  CHECK(off.events() == Events{"NEW 1 t=30"});
  Trace elsewhere(with_helper("tftp=udp/6969"));
  elsewhere.udp("10.0.0.2:5000 > 192.0.2.9:69", request);
  CHECK(elsewhere.connection().helper.empty());
  elsewhere.udp("10.0.0.2:5000 > 192.0.2.9:6969", request);
  CHECK(elsewhere.connection().helper == "tftp");
}

TEST_CASE("helpers attach by port before 6.0 if the sysctl says so", "[conntrack][helper]") {
  for (const auto& [version, helper] :
       std::map<std::string, std::string>{{"6.18", ""}, {"5.15", "tftp"}}) {
    auto options = Trace::kernel_options();
    REQUIRE(options.set_kernel(version));
    REQUIRE(options.set_sysctl("nf_conntrack_helper", "1"));
    Trace trace(options);
    trace.udp("10.0.0.2:5000 > 192.0.2.9:69", std::string_view("\0\3xx", 4));
    CHECK(trace.connection().helper == helper);
  }
}

TEST_CASE("irc: DCC offers with the client's own address", "[conntrack][helper]") {
  const auto offer = [](const std::string& line) {
    Control irc("irc", "6667");
    return irc.client(line).events();
  };
  const Events made{"EXP_NEW irc 0.0.0.0:0 > 10.0.0.2:40001"};
  CHECK(offer("PRIVMSG bob :\1DCC SEND file 167772162 40001 1000\1\r\n") == made);
  CHECK(offer("PRIVMSG bob :\1DCC CHAT chat 167772162 40001\1\r\n") == made);
  CHECK(offer("PRIVMSG bob :\1DCC SEND file 167772163 40001 1000\1\r\n").empty());  // forged
  CHECK(offer("PRIVMSG bob :\1DCC SEND file 167772162 0 1000\1\r\n").empty());
  CHECK(offer("PRIVMSG bob :\1DCC FOOO file 167772162 40001 1000\1\r\n").empty());
  CHECK(offer("PRIVMSG bob :hello there, this is no offer\r\n").empty());
  CHECK(offer("NOTICE bob :\1DCC SEND file 167772162 40001 1000\1\r\n").empty());
}

TEST_CASE("pptp: a call announces GRE both ways, the first cancels the other",
          "[conntrack][helper]") {
  Control pptp("pptp", "1723");
  const auto message = [](std::uint16_t type, const Bytes& body) {
    return be16(12 + body.size()) + be16(1) + be32(0x1a2b3c4d) + be16(type) + be16(0) + body;
  };
  pptp.client(view(message(1, Bytes(144))));
  pptp.server(view(message(2, be16(0x100) + Bytes{1, 0} + Bytes(140))));
  pptp.client(view(message(7, be16(0x1111) + Bytes(154))));
  const Bytes connected = message(8, be16(0x2222) + be16(0x1111) + Bytes{1, 0} + Bytes(14));
  CHECK(pptp.server(view(connected)).events() ==
        Events{"EXP_NEW pptp 10.0.0.2:4369 > 192.0.2.9:8738",
               "EXP_NEW pptp 192.0.2.9:8738 > 10.0.0.2:4369"});
  pptp.trace.transport("10.0.0.2 > 192.0.2.9", 47, hex("3001880b 00002222"));
  CHECK(pptp.trace.seen() == "RELATED");
  CHECK(pptp.trace.connection().original.src_port == 0x1111);
  pptp.trace.transport("192.0.2.9 > 10.0.0.2", 47, hex("3001880b 00001111"));
  CHECK(pptp.trace.seen() == "ESTABLISHED reply");
  // The call ends: so does its GRE connection.
  pptp.server(view(message(13, be16(0x2222) + Bytes(134))));
  CHECK(pptp.trace.is_closed(2));
}

TEST_CASE("amanda, sane, netbios-ns, snmp: by their rules", "[conntrack][helper]") {
  Trace amanda(with_helper("amanda"));
  amanda.udp("10.0.0.2:850 > 192.0.2.9:10080", "req");
  amanda.udp("192.0.2.9:10080 > 10.0.0.2:850",
             "SEQ 1\nCONNECT DATA 1024 MESG 1025 INDEX 1026\nOPTIONS ;\n");
  CHECK(amanda.events() == Events{"EXP_NEW amanda 10.0.0.2:0 > 192.0.2.9:1024",
                                  "EXP_NEW amanda 10.0.0.2:0 > 192.0.2.9:1025",
                                  "EXP_NEW amanda 10.0.0.2:0 > 192.0.2.9:1026",
                                  "UPDATE 1 t=300"});

  Control sane("sane", "6566");
  sane.client(view(be32(7) + be32(1)));
  CHECK(sane.server(view(be32(0) + be16(0) + be16(30000))).events() ==
        Events{"EXP_NEW sane 10.0.0.2:0 > 192.0.2.9:30000"});
  CHECK(sane.server(view(be32(0) + be16(0) + be16(30001))).events().empty());

  Trace netbios(with_helper("netbios-ns"));
  netbios.udp("10.0.0.2:137 > 10.0.0.255:137");
  CHECK(netbios.events() ==
        Events{"EXP_NEW netbios-ns 10.0.0.255:137 > 10.0.0.2:137", "NEW 1 t=3"});
  netbios.udp("10.0.0.77:137 > 10.0.0.2:137");
  CHECK(netbios.seen() == "RELATED");
  netbios.udp("10.0.0.78:137 > 10.0.0.2:137");  // permanent: not used up
  CHECK(netbios.seen() == "RELATED");
  netbios.udp("10.0.1.78:137 > 10.0.0.2:137");
  CHECK(netbios.seen() == "NEW");
}

TEST_CASE("expectations: no more than nf_conntrack_expect_max", "[conntrack][helper]") {
  auto options = with_helper("ftp");
  REQUIRE(options.set_sysctl("nf_conntrack_expect_max", "0"));
  Control ftp(options, "21");
  ftp.client("USER x\r\n");
  CHECK(ftp.client("PORT 10,0,0,2,156,65\r\n").events().empty());
}

TEST_CASE("helpers: every cut of what they read is survived", "[conntrack][helper]") {
  for (const std::string& line :
       {std::string("PORT 10,0,0,2,156,65\r\n"), std::string("EPRT |2|2001:db8::1|40001|\r\n"),
        std::string("EPRT |1|10.0.0.2|40001|\r\n"),
        std::string("PORT 9999999999,1,1,1,1\r\n")}) {
    for (std::size_t n = 1; n <= line.size(); ++n) {
      Control ftp("ftp", "21");
      ftp.client("USER x\r\n");
      ftp.client(line.substr(0, n));
      CHECK(ftp.trace.seen() == "ESTABLISHED");
    }
  }
}

}  // namespace natlens::test
