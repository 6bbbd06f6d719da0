#ifndef FLYHOOK_IMPL_DETAIL_TRANSPORT_CONNECTION_TLS_IPP
#define FLYHOOK_IMPL_DETAIL_TRANSPORT_CONNECTION_TLS_IPP

#include <flyhook/detail/transport/connection.hpp>
#include <flyhook/impl/detail/transport/connection/tls_errors.ipp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <climits>
#include <memory>
#include <utility>

// TLS over a Connection: OpenSSL's, whose bytes go through the Connection's own waiting.

namespace flyhook::detail {

/// The BIO reads and writes through its Connection, so that deadlines, interruption and the absence of SIGPIPE hold for
/// TLS as they do without it.
class TlsContext {
 public:
  TlsContext() = default;
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext() {
    SSL_CTX_free(context);
    BIO_meth_free(method);
  }

  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "flyhook connection");
};

struct Connection::Tls {
  std::shared_ptr<const TlsContext> context{};  // outlives the session
  SSL* session = nullptr;
  const std::string* host = nullptr;  // during the handshake
  std::string refusal{};              // why the certificate is not accepted

  ~Tls() { SSL_free(session); }

  /// Called by OpenSSL for each certificate of the chain, and where something is wrong with one: while it is at hand.
  static int verify(int is_fine, X509_STORE_CTX* store) {
    const auto* const session = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* const self = session ? static_cast<Tls*>(SSL_get_ex_data(session, 0)) : nullptr;
    if (!is_fine && self && self->host && self->refusal.empty()) self->refusal = refusal_of(store, *self->host);
    return is_fine;
  }

  static int write(BIO* bio, const char* bytes, int size) {
    auto& self = *static_cast<Connection*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    std::string_view rest{bytes, static_cast<std::size_t>(size)};
    std::string_view none;
    if (!self.send_raw(rest, none, self.is_yielding_)) return -1;
    if (rest.size() == static_cast<std::size_t>(size)) BIO_set_retry_write(bio);
    return rest.size() == static_cast<std::size_t>(size) ? -1 : size - static_cast<int>(rest.size());
  }

  static int read(BIO* bio, char* to, int size) {
    auto& self = *static_cast<Connection*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    self.would_wait_ = false;
    const auto count = self.receive_raw(to, static_cast<std::size_t>(size));
    if (count < 0 && self.would_wait_) BIO_set_retry_read(bio);
    return static_cast<int>(count);
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }
};

std::shared_ptr<const TlsContext> Connection::make_tls_context(const std::string& ca_file, std::string& error) {
  const auto made = std::make_shared<TlsContext>();
  if (!made->context || !made->method) {
    error = "tls: " + openssl_reason();
    return nullptr;
  }
  SSL_CTX_set_min_proto_version(made->context, TLS1_2_VERSION);
  SSL_CTX_set_verify(made->context, SSL_VERIFY_PEER, &Connection::Tls::verify);
  SSL_CTX_set_mode(made->context, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
#if defined(SSL_OP_IGNORE_UNEXPECTED_EOF)
  // Many servers close without close_notify. HTTP's own framing says whether an answer is whole.
  SSL_CTX_set_options(made->context, SSL_OP_IGNORE_UNEXPECTED_EOF);
#endif
  BIO_meth_set_write(made->method, &Connection::Tls::write);
  BIO_meth_set_read(made->method, &Connection::Tls::read);
  BIO_meth_set_ctrl(made->method, &Connection::Tls::control);

  ERR_clear_error();
  if (ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(made->context) != 1) {
      error = "tls: cannot load the authorities of the system: " + openssl_reason();
      return nullptr;
    }
  } else if (const auto reason = unreadable(ca_file); !reason.empty()) {
    error = "tls: Options::ca_file " + ca_file + " " + reason;
    return nullptr;
  } else if (SSL_CTX_load_verify_locations(made->context, ca_file.c_str(), nullptr) != 1) {
    error = "tls: Options::ca_file " + ca_file + " holds no certificate in PEM form: " + openssl_reason();
    return nullptr;
  }
  ERR_clear_error();
  return made;
}

bool Connection::secure(std::shared_ptr<const TlsContext> context, const std::string& host, bool host_is_address,
                        Time deadline, std::string_view overdue) {
  deadline_ = deadline;
  overdue_ = overdue;
  may_block_ = false;

  ERR_clear_error();
  auto tls = std::make_unique<Tls>();
  tls->session = SSL_new(context->context);
  BIO* const bio = tls->session ? BIO_new(context->method) : nullptr;
  if (!bio) return fail("tls", openssl_reason());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(tls->session, bio, bio);
  tls->context = std::move(context);

  // A name may end in a dot, certificates and SNI do not (RFC 6066, section 3); an address is no SNI.
  const std::string name = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
  bool named = false;
  if (host_is_address) {
    named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->session), name.c_str()) == 1;
  } else {
    SSL_set_hostflags(tls->session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    named = SSL_set1_host(tls->session, name.c_str()) == 1 && SSL_set_tlsext_host_name(tls->session, name.c_str()) == 1;
  }
  if (!named) return fail("tls", openssl_reason());

  tls->host = &name;
  SSL_set_ex_data(tls->session, 0, tls.get());
  ERR_clear_error();
  if (SSL_connect(tls->session) != 1) {
    if (failure_.empty()) fail("tls", tls->refusal.empty() ? handshake_failure(name) : tls->refusal);
    ERR_clear_error();
    return false;
  }
  tls->host = nullptr;
  tls_ = std::move(tls);
  return true;
}

bool Connection::send_secure(std::string_view& bytes) {
  ERR_clear_error();
  while (!bytes.empty()) {
    is_yielding_ = true;
    const int count =
        SSL_write(tls_->session, bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX)));
    is_yielding_ = false;
    is_write_pending_ = count <= 0 && failure_.empty() && SSL_get_error(tls_->session, count) == SSL_ERROR_WANT_WRITE;
    if (is_write_pending_) return true;  // OpenSSL wants the same bytes again
    if (count > 0)
      bytes.remove_prefix(static_cast<std::size_t>(count));
    else
      return fail("closed", "TLS to " + peer() + ": " + openssl_reason());
  }
  return true;
}

}  // namespace flyhook::detail

#endif
