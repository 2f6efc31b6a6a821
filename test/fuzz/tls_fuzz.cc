// Bytes of a TLS conversation, or of a certificate, changed on their way: nothing crashes, and what gets through is
// what was sent. First byte: what is changed; then, three bytes each, how far from the last change and with what.
#include <cstdint>
#include <string>

#include "fuzz/check.h"
#include "proxy/tls/x509.h"
#include "unit/proxy/tls/engine_pair.h"

namespace {
using namespace outrigger;       // NOLINT: a program of its own
using namespace outrigger::tls;  // NOLINT

/// The input's changes, applied to a stream of bytes as it passes.
class Changes {
 public:
  Changes(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) { next(); }
  std::string apply(std::string bytes) {
    while (at_ < passed_ + bytes.size()) {
      bytes[at_ - passed_] = static_cast<char>(bytes[at_ - passed_] ^ with_);
      changed_ = changed_ || with_ != 0;
      const auto before = at_;
      next();
      at_ = at_ == kNever ? kNever : before + 1 + at_;
    }
    passed_ += bytes.size();
    return bytes;
  }
  bool changed() const noexcept { return changed_; }

 private:
  static constexpr std::size_t kNever = SIZE_MAX;
  void next() {
    at_ = kNever;
    if (size_ < 3) return;
    at_ = static_cast<std::size_t>(data_[0]) << 8 | data_[1];
    with_ = data_[2];
    data_ += 3;
    size_ -= 3;
  }
  const std::uint8_t* data_;
  std::size_t size_, at_ = kNever, passed_ = 0;
  std::uint8_t with_ = 0;
  bool changed_ = false;
};

struct World {
  test::Made ca = test::make("ca");
  test::Made leaf = test::make("leaf", &ca, "DNS:a.example,URI:spiffe://td/x,IP:127.0.0.1,email:a@b.example");
  std::shared_ptr<const ServerContext> servers[2];
  std::shared_ptr<const ClientContext> client;
  World() {
    for (const int i : {0, 1}) {
      ServerOptions s;
      s.certificates = {test::load(leaf)};
      s.validation = test::trust(ca);
      s.require_client_certificate = true;
      s.alpn = {"h2", "http/1.1"};
      s.params.version_max = i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
      servers[i] = *ServerContext::make(s);
    }
    ClientOptions c;
    c.certificates = {test::load(leaf)};
    c.validation = test::trust(ca, {test::exactly(SanKind::dns, "a.example")});
    c.alpn = {"http/1.1"};
    c.params.version_max = TLS1_3_VERSION;
    client = *ClientContext::make(c);
  }
};

void pass(Engine& from, Engine& to, Changes* changes) {
  std::string bytes = from.out().to_string();
  from.out().drain(bytes.size());
  to.in().append(changes == nullptr ? bytes : changes->apply(std::move(bytes)));
}

void converse(const World& w, bool tls13, bool to_server, Changes changes) {
  test::Pair p(w.servers[tls13 ? 1 : 0], w.client, 0);
  const std::string text = "what the client says";
  bool said = false;
  for (int turns = 0; turns < 40; ++turns) {
    p.client.turn();
    p.server.turn();
    if (p.client.done && !p.client.failed && !std::exchange(said, true)) {
      Buffer b;
      b.append(text);
      std::size_t n = 0;
      p.client.engine->write(b, text.size(), n);
      p.client.engine->shutdown();
    }
    pass(*p.client.engine, *p.server.engine, to_server ? &changes : nullptr);
    pass(*p.server.engine, *p.client.engine, to_server ? nullptr : &changes);
  }
  check(text.starts_with(p.server.got));
  check(p.client.got.empty());
  if (!changes.changed()) check(p.server.got == text && p.server.closed);
}

void read_certificate(const World& w, Changes changes) {
  const std::string der = changes.apply(der_of(w.leaf.certificate.get()));
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const X509Ptr x(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (x == nullptr) return;
  const auto facts = facts_of(x.get());
  for (const auto& san : sans_of(x.get())) check(san.text.find('\0') == std::string::npos);
  check(facts.sha256.size() == 64);
  public_key_sha256(x.get());
  pem_of(x.get());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World world;
  if (size == 0) return 0;
  Changes changes(data + 1, size - 1);
  if ((data[0] & 4) != 0)
    read_certificate(world, changes);
  else
    converse(world, (data[0] & 1) != 0, (data[0] & 2) != 0, changes);
  return 0;
}
