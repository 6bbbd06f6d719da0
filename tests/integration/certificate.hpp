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

// A self-signed certificate with a new key, and the file that makes a client trust it.

namespace flyhook::test {

class Certificate {
 public:
  /// `names`: subjectAltName as OpenSSL writes it, "DNS:hooks.test,IP:127.0.0.1".
  explicit Certificate(const std::string& names) : key_(EVP_EC_gen("P-256")), x509_(X509_new()) {
    X509_set_version(x509_, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509_), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509_), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509_), 3600);
    X509_set_pubkey(x509_, key_);
    X509_NAME* const name = X509_get_subject_name(x509_);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("flyhook test"), -1, -1, 0);
    X509_set_issuer_name(x509_, name);
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x509_, x509_, nullptr, nullptr, 0);
    X509_EXTENSION* const alternatives = X509V3_EXT_conf_nid(nullptr, &context, NID_subject_alt_name, names.c_str());
    if (!alternatives) throw std::runtime_error("bad subjectAltName " + names);
    X509_add_ext(x509_, alternatives, -1);
    X509_EXTENSION_free(alternatives);
    X509_sign(x509_, key_, EVP_sha256());

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
  EVP_PKEY* key_;
  X509* x509_;
  std::string file_{};
};

}  // namespace flyhook::test

#endif
