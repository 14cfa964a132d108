#include "reactor/tls/certificate.hpp"

#include <arpa/inet.h>
#include <openssl/asn1.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <string_view>

namespace reactor::inline v0::tls {
namespace {

std::string text_of(const ASN1_STRING* value) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
          static_cast<std::size_t>(ASN1_STRING_length(value))};
}

std::string ip_text(const ASN1_OCTET_STRING* value) {
  const std::string bytes = text_of(value);
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
  if (bytes.size() != 4 && bytes.size() != 16) return "an unreadable address";
  return inet_ntop(family, bytes.data(), text.data(), text.size()) ? text.data() : "";
}

std::vector<std::string> names_of(const X509& certificate) {
  std::vector<std::string> names;
  const NamesPtr found(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; found && i < sk_GENERAL_NAME_num(found.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(found.get(), i);
    if (name->type == GEN_DNS) names.push_back(text_of(name->d.dNSName));
    if (name->type == GEN_IPADD) names.push_back(ip_text(name->d.iPAddress));
  }
  return names;
}

std::string date_text(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unreadable date";
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
  return text.data();
}

// "3 days", without a sign.
std::string distance_to(const ASN1_TIME* time) {
  int days = 0;
  int seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, nullptr, time) != 1) return "an unknown time";
  days = std::abs(days);
  seconds = std::abs(seconds);
  const auto count = [](int number, std::string_view unit) {
    return std::to_string(number) + ' ' + std::string(unit) + (number == 1 ? "" : "s");
  };
  if (days > 0) return count(days, "day");
  if (seconds >= 3600) return count(seconds / 3600, "hour");
  if (seconds >= 60) return count(seconds / 60, "minute");
  return count(seconds, "second");
}

}  // namespace

std::string name_text(const X509_NAME* name) {
  const BioPtr memory(BIO_new(BIO_s_mem()));
  if (!memory || X509_NAME_print_ex(memory.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string names_text(const X509& certificate) {
  std::string text;
  for (const std::string& name : names_of(certificate)) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text.empty() ? "no name" : text;
}

TlsCertificate describe(const X509& certificate) {
  TlsCertificate result;
  result.subject = name_text(X509_get_subject_name(&certificate));
  result.issuer = name_text(X509_get_issuer_name(&certificate));
  result.names = names_of(certificate);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(&certificate, EVP_sha256(), digest.data(), &size) == 1) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (unsigned i = 0; i < size; ++i) {
      result.sha256 += digits[digest[i] >> 4];
      result.sha256 += digits[digest[i] & 15];
    }
  }
  return result;
}

bool is_expired(const X509& certificate) {
  return X509_cmp_time(X509_get0_notAfter(&certificate), nullptr) < 0;
}

std::string expired_text(const X509& certificate) {
  const ASN1_TIME* const end = X509_get0_notAfter(&certificate);
  return "expired " + distance_to(end) + " ago (" + date_text(end) + ")";
}

std::string not_yet_text(const X509& certificate) {
  const ASN1_TIME* const begin = X509_get0_notBefore(&certificate);
  return "valid from " + date_text(begin) + ", in " + distance_to(begin);
}

}  // namespace reactor::tls
