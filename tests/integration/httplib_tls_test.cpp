#include <flyhook/transport/httplib.hpp>

#include "catch.hpp"
#include "integration/scripted_server.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

// What is wrong with a server's TLS is said in words that tell its operator, or ours, what to do.

using namespace flyhook;
using namespace flyhook::test;
using Peer = ScriptedServer::Peer;

namespace {

/// The status, or the error, of one request to `host` at the server.
std::string ask(const ScriptedServer& server, std::string_view host, const std::string& ca_file) {
  HttplibTransport transport;
  std::string outcome;
  transport.send(
      {.url = server.url("/", "https", host), .timeout = 10s, .addresses = {server.address()}, .ca_file = ca_file},
      [&](HttpResponse answer) { outcome = answer.error.empty() ? std::to_string(answer.status) : answer.error; });
  return outcome;
}

std::string ask(const Certificate& shown, std::string_view host, const std::string& ca_file,
                const std::function<void(SSL_CTX*)>& adjust = {}) {
  ScriptedServer server{answer_all, &shown, "127.0.0.1", 0, adjust};
  return ask(server, host, ca_file);
}

struct Authority {
  Certificate root{"", {.title = "flyhook root", .is_authority = true}};
  Certificate middle{"", {.issuer = &root, .title = "flyhook middle", .is_authority = true}};
};

/// A file of the test with these contents.
class File {
 public:
  explicit File(std::string_view contents) {
    char path[] = "/tmp/flyhook-file-XXXXXX";
    const int fd = ::mkstemp(path);
    [[maybe_unused]] const auto written = ::write(fd, contents.data(), contents.size());
    ::close(fd);
    name = path;
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { ::unlink(name.c_str()); }
  std::string name{};
};

}  // namespace

TEST_CASE("TLS: a certificate must come from a trusted authority and name the URL's host") {
  Certificate certificate{"DNS:hooks.test,DNS:*.wild.test,IP:127.0.0.1,IP:::1"};
  std::mutex mutex;
  std::string sni;
  ScriptedServer server{[&](Peer& peer) {
                          {
                            std::lock_guard lock{mutex};
                            sni = peer.sni();
                          }
                          answer_all(peer);
                        },
                        &certificate};
  CHECK(ask(server, "hooks.test", "") ==
        "tls: the certificate of hooks.test is self-signed and not trusted (set Options::ca_file)");
  CHECK(ask(server, "hooks.test", certificate.file()) == "200");
  {
    std::lock_guard lock{mutex};
    CHECK(sni == "hooks.test");
  }
  CHECK(ask(server, "hooks.test.", certificate.file()) == "200");
  CHECK(ask(server, "a.wild.test", certificate.file()) == "200");
  CHECK(ask(server, "[::1]", certificate.file()) == "200");
  CHECK(ask(server, "127.0.0.1", certificate.file()) == "200");
  {
    std::lock_guard lock{mutex};
    CHECK(sni.empty());
  }
  for (const std::string host : {"other.test", "a.b.wild.test", "wild.test", "127.0.0.2"})
    CHECK(ask(server, host, certificate.file()) ==
          "tls: the certificate is for hooks.test, *.wild.test, 127.0.0.1, ::1, not for " + host);
}

TEST_CASE("TLS: a certificate that is too old or too new says since and until when") {
  const Authority authority;
  const Certificate old{"DNS:hooks.test", {.issuer = &authority.root, .from = -1'000'000'000, .until = -100'000}};
  CHECK(ask(old, "hooks.test", authority.root.file()).starts_with("tls: the certificate of hooks.test expired on 20"));
  const Certificate fresh{"DNS:hooks.test", {.issuer = &authority.root, .from = 100'000, .until = 200'000}};
  CHECK(ask(fresh, "hooks.test", authority.root.file()).starts_with("tls: the certificate of hooks.test is valid from 20"));
  const Certificate past{"", {.title = "old root", .is_authority = true, .from = -200'000, .until = -100'000}};
  const Certificate below{"DNS:hooks.test", {.issuer = &past}};
  CHECK(ask(below, "hooks.test", past.file())
            .starts_with("tls: the authority old root above the certificate of hooks.test expired on 20"));
}

TEST_CASE("TLS: an authority that is not trusted is named") {
  const Authority authority;
  const Certificate other{"", {.title = "another root", .is_authority = true}};
  const Certificate leaf{"DNS:hooks.test", {.issuer = &authority.middle}};
  const auto with_chain = [&](SSL_CTX* context) {
    SSL_CTX_add1_chain_cert(context, authority.middle.x509());
    SSL_CTX_add1_chain_cert(context, authority.root.x509());
  };
  CHECK(ask(leaf, "hooks.test", authority.root.file(), with_chain) == "200");
  CHECK(ask(leaf, "hooks.test", other.file(), with_chain) ==
        "tls: the certificate of hooks.test comes from an authority that is not trusted, flyhook root (set "
        "Options::ca_file)");
  // The intermediate certificate is missing.
  CHECK(ask(leaf, "hooks.test", authority.root.file()) ==
        "tls: the certificate of hooks.test comes from an authority that is not trusted, flyhook middle (set "
        "Options::ca_file, or have the server send the intermediate certificates)");
  // A leaf signs nothing.
  const Certificate forged{"DNS:hooks.test", {.issuer = &leaf}};
  CHECK(ask(forged, "hooks.test", authority.root.file(), [&](SSL_CTX* context) {
          SSL_CTX_add1_chain_cert(context, leaf.x509());
          SSL_CTX_add1_chain_cert(context, authority.middle.x509());
        }).starts_with("tls: "));
}

TEST_CASE("TLS: a certificate for another purpose, or for nobody, is refused") {
  const Authority authority;
  const Certificate client{"DNS:hooks.test", {.issuer = &authority.root, .purpose = "clientAuth"}};
  CHECK(ask(client, "hooks.test", authority.root.file()) ==
        "tls: the certificate of hooks.test is for another purpose than this");
  const Certificate nameless{"", {.issuer = &authority.root, .title = "evil\nname"}};
  CHECK(ask(nameless, "hooks.test", authority.root.file()) == "tls: the certificate is for evil?name, not for hooks.test");
}

TEST_CASE("TLS: a server without TLS 1.2, without a common cipher, or without TLS says so") {
  const Authority authority;
  const Certificate leaf{"DNS:hooks.test", {.issuer = &authority.root}};
  const auto old = ask(leaf, "hooks.test", authority.root.file(), [](SSL_CTX* context) {
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
  });
  CHECK(old.starts_with("tls: hooks.test does not offer TLS 1.2 or newer: "));
  const auto nothing_common = ask(leaf, "hooks.test", authority.root.file(), [](SSL_CTX* context) {
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context, "ECDHE-RSA-AES128-GCM-SHA256");  // its key is no RSA key
  });
  CHECK(nothing_common.starts_with("tls: hooks.test found nothing in common with us"));
  ScriptedServer plain{[](Peer& peer) { peer.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"); }};
  CHECK(ask(plain, "hooks.test", authority.root.file()).starts_with("tls: hooks.test does not speak TLS on this port"));
  ScriptedServer mute{[](Peer&) {}};
  const auto closed = ask(mute, "hooks.test", authority.root.file());
  INFO(closed);
  CHECK((closed == "tls: no handshake with hooks.test: the other side closed the connection" ||
         closed.starts_with("closed: ")));
}

TEST_CASE("TLS: a ca_file that is none says why") {
  ScriptedServer server{answer_all};
  const auto with = [&](const std::string& file) { return ask(server, "hooks.test", file); };
  CHECK(with("/nowhere/ca.pem") == "tls: Options::ca_file /nowhere/ca.pem cannot be read: No such file or directory");
  CHECK(with("/tmp") == "tls: Options::ca_file /tmp cannot be read: Is a directory");
  const File empty{""};
  CHECK(with(empty.name) == "tls: Options::ca_file " + empty.name + " is empty");
  const File text{"no certificate at all\n"};
  CHECK(with(text.name).starts_with("tls: Options::ca_file " + text.name + " holds no certificate in PEM form"));
  const File broken{"-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n"};
  CHECK(with(broken.name).starts_with("tls: Options::ca_file " + broken.name + " holds no certificate in PEM form"));
  CHECK(server.requests() == 0);
}

TEST_CASE("TLS: an early answer to a large body is taken over TLS, too") {
  const Certificate certificate{"DNS:hooks.test"};
  ScriptedServer server{[](Peer& peer) {
                          peer.read_head();
                          peer.answer(413, "no");
                          while (peer.pause_for(1s)) {
                          }
                        },
                        &certificate};
  HttplibTransport transport;
  HttpResponse answer;
  transport.send({.url = server.url("/", "https", "hooks.test"),
                  .body = std::make_shared<const std::string>(std::size_t{32} << 20, 'x'),
                  .timeout = 20s,
                  .addresses = {server.address()},
                  .ca_file = certificate.file()},
                 [&](HttpResponse response) { answer = std::move(response); });
  CHECK(answer.status == 413);
  CHECK(answer.body == "no");
}
