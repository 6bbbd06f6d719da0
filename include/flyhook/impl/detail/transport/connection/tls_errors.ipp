#ifndef FLYHOOK_IMPL_DETAIL_TRANSPORT_CONNECTION_TLS_ERRORS_IPP
#define FLYHOOK_IMPL_DETAIL_TRANSPORT_CONNECTION_TLS_ERRORS_IPP

#include <flyhook/detail/config.hpp>
#include <flyhook/error.hpp>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <string>
#include <system_error>

// What went wrong with TLS, in words for whoever has to put it right: an expired certificate, a wrong host and an unknown
// authority are three different things to do.

namespace flyhook::detail {

/// The oldest reason in OpenSSL's queue of this thread, which is emptied.
FLYHOOK_DECL std::string openssl_reason();
/// What is wrong with the certificate that OpenSSL is looking at, for one who has to put it right.
FLYHOOK_DECL std::string refusal_of(X509_STORE_CTX* store, const std::string& host);
/// Why there was no handshake with `host`; empties OpenSSL's queue.
FLYHOOK_DECL std::string handshake_failure(const std::string& host);
/// Why `ca_file` cannot be what its name says; empty: it can be read.
FLYHOOK_DECL std::string unreadable(const std::string& ca_file);
FLYHOOK_DECL std::string text_of(const ASN1_STRING* text);
FLYHOOK_DECL std::string date_of(const ASN1_TIME* time);
/// The names and addresses a certificate is for.
FLYHOOK_DECL std::string names_of(const X509* certificate);
/// The common name, or else the organisation; empty: neither is there.
FLYHOOK_DECL std::string title_of(const X509_NAME* name);

std::string openssl_reason() {
  const auto code = ERR_get_error();
  ERR_clear_error();
  const char* const reason = code ? ERR_reason_error_string(code) : nullptr;
  return reason ? reason : "unknown TLS failure";
}

std::string text_of(const ASN1_STRING* text) {
  return printable({reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                    static_cast<std::size_t>(std::max(ASN1_STRING_length(text), 0))});
}

std::string date_of(const ASN1_TIME* time) {
  std::tm utc{};
  char text[32];
  if (ASN1_TIME_to_tm(time, &utc) != 1 || std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &utc) == 0)
    return "a date that is none";
  return text;
}

std::string names_of(const X509* certificate) {
  constexpr int most = 5;
  std::string names;
  const auto add = [&](const std::string& name) { names.append(names.empty() ? "" : ", ").append(name); };
  auto* const all = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  const int count = all ? sk_GENERAL_NAME_num(all) : 0;
  for (int i = 0; i < std::min(count, most); ++i) {
    const GENERAL_NAME* const each = sk_GENERAL_NAME_value(all, i);
    if (each->type == GEN_DNS) {
      add(text_of(each->d.dNSName));
    } else if (each->type == GEN_IPADD) {
      const int size = ASN1_STRING_length(each->d.iPAddress);
      char text[INET6_ADDRSTRLEN] = "?";
      if (size == 4 || size == 16)
        inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(each->d.iPAddress), text, sizeof text);
      add(text);
    }
  }
  if (count > most) add("...");
  GENERAL_NAMES_free(all);
  return names.empty() ? title_of(X509_get_subject_name(certificate)) : names;
}

std::string title_of(const X509_NAME* name) {
  for (const int kind : {NID_commonName, NID_organizationName}) {
    const int at = X509_NAME_get_index_by_NID(name, kind, -1);
    if (at < 0) continue;
    return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  }
  return {};
}

std::string refusal_of(X509_STORE_CTX* store, const std::string& host) {
  const X509* const certificate = X509_STORE_CTX_get_current_cert(store);
  const int error = X509_STORE_CTX_get_error(store);
  const int depth = X509_STORE_CTX_get_error_depth(store);
  const std::string whose = "the certificate of " + host;
  if (!certificate) return whose + " was refused: " + X509_verify_cert_error_string(error);
  const std::string which =
      depth == 0 ? whose : "the authority " + title_of(X509_get_subject_name(certificate)) + " above " + whose;
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return which + " expired on " + date_of(X509_get0_notAfter(certificate));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return which + " is valid from " + date_of(X509_get0_notBefore(certificate)) +
             " on only (or the clock of this machine is wrong)";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: {
      const auto names = names_of(certificate);
      return "the certificate is for " + (names.empty() ? "no name at all" : names) + ", not for " + host;
    }
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return whose + " is self-signed and not trusted (set Options::ca_file)";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return whose + " comes from an authority that is not trusted, " + title_of(X509_get_subject_name(certificate)) +
             " (set Options::ca_file)";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return whose + " comes from an authority that is not trusted, " + title_of(X509_get_issuer_name(certificate)) +
             " (set Options::ca_file, or have the server send the intermediate certificates)";
    case X509_V_ERR_INVALID_PURPOSE: return which + " is for another purpose than this";
    default: return which + " was refused: " + X509_verify_cert_error_string(error);
  }
}

std::string handshake_failure(const std::string& host) {
  const auto code = ERR_peek_error();
  const auto reason = openssl_reason();
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return "no handshake with " + host + ": the other side closed the connection";
  switch (ERR_GET_REASON(code)) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG: return host + " does not speak TLS on this port (is it an http:// URL?): " + reason;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: return host + " does not offer TLS 1.2 or newer: " + reason;
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    case SSL_R_NO_SHARED_CIPHER:
      return host + " found nothing in common with us (ciphers, curves, or it wants a certificate of ours): " + reason;
    default: return "no handshake with " + host + ": " + reason;
  }
}

std::string unreadable(const std::string& ca_file) {
  char byte = 0;
  errno = 0;
  std::FILE* const file = std::fopen(ca_file.c_str(), "re");
  const bool has_byte = file && std::fread(&byte, 1, 1, file) == 1;
  const int error = errno;
  if (file) std::fclose(file);
  if (has_byte) return {};
  return error != 0 ? "cannot be read: " + std::generic_category().message(error) : "is empty";
}

}  // namespace flyhook::detail

#endif
