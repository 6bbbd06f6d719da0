#ifndef FLYHOOK_TESTS_INTEGRATION_CERTIFICATE_HPP
#define FLYHOOK_TESTS_INTEGRATION_CERTIFICATE_HPP

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <string>

// Certificates with new keys: self-signed ones, and those of a small authority, with every fault a server's may have.

namespace flyhook::test {

class Certificate {
 public:
  struct With {
    const Certificate* issuer = nullptr;  ///< null: signed by itself
    std::string title{"flyhook test"};    ///< its common name
    bool is_authority = false;
    long from = -3600;  ///< seconds from now
    long until = 3600;
    std::string purpose{};  ///< extendedKeyUsage as OpenSSL writes it; empty: any
  };

  /// `names`: subjectAltName as OpenSSL writes it, "DNS:hooks.test,IP:127.0.0.1"; empty: none.
  explicit Certificate(const std::string& names) : Certificate(names, With{}) {}
  Certificate(const std::string& names, const With& with) : key_(EVP_EC_gen("P-256")), x509_(X509_new()) {
    static long serial = 0;
    const Certificate& issuer = with.issuer ? *with.issuer : *this;
    X509_set_version(x509_, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509_), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x509_), with.from);
    X509_gmtime_adj(X509_getm_notAfter(x509_), with.until);
    X509_set_pubkey(x509_, key_);
    X509_NAME* const name = X509_get_subject_name(x509_);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(with.title.c_str()), -1, -1,
                               0);
    X509_set_issuer_name(x509_, X509_get_subject_name(issuer.x509_));
    extend(issuer, NID_subject_alt_name, names);
    extend(issuer, NID_basic_constraints, with.is_authority ? "critical,CA:TRUE" : "");
    extend(issuer, NID_ext_key_usage, with.purpose);
    X509_sign(x509_, issuer.key_, EVP_sha256());

    char path[] = "/tmp/flyhook-ca-XXXXXX";
    const int fd = ::mkstemp(path);
    FILE* const file = ::fdopen(fd, "w");
    PEM_write_X509(file, x509_);
    std::fclose(file);
    file_ = path;
  }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;
  ~Certificate() {
    ::unlink(file_.c_str());
    X509_free(x509_);
    EVP_PKEY_free(key_);
  }

  X509* x509() const { return x509_; }
  EVP_PKEY* key() const { return key_; }
  const std::string& file() const { return file_; }

 private:
  void extend(const Certificate& issuer, int nid, const std::string& value) {
    if (value.empty()) return;
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer.x509_, x509_, nullptr, nullptr, 0);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    if (!extension) throw std::runtime_error("bad extension " + value);
    X509_add_ext(x509_, extension, -1);
    X509_EXTENSION_free(extension);
  }

  EVP_PKEY* key_;
  X509* x509_;
  std::string file_{};
};

}  // namespace flyhook::test

#endif
