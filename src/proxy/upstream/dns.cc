#include "proxy/upstream/dns.h"

#include <ares.h>
#include <netdb.h>
#include <sys/time.h>
#include <algorithm>
#include <map>

namespace outrigger::upstream {

using stats::DnsCaresStat;

namespace {

struct Socket final : event::Pollable {
  Dns* owner = nullptr;
  int fd = -1;
  std::function<void(int, std::uint32_t)> ready;
  void on_events(std::uint32_t events) override { ready(fd, events); }
};

int family_of(DnsFamily f) {
  switch (f) {
    case DnsFamily::v4_only: return AF_INET;
    case DnsFamily::v6_only: return AF_INET6;
    default: return AF_UNSPEC;
  }
}

/// The families of the config, applied to an answer that has both.
void choose_family(std::vector<net::Address>& addresses, DnsFamily f) {
  const auto keep = [&](bool v4) {
    if (std::any_of(addresses.begin(), addresses.end(), [v4](const auto& a) { return a.is_v4() == v4; }))
      std::erase_if(addresses, [v4](const auto& a) { return a.is_v4() != v4; });
  };
  if (f == DnsFamily::automatic) keep(false);
  if (f == DnsFamily::v4_preferred) keep(true);
}

}  // namespace

struct Dns::Impl {
  Impl(event::Loop& l, stats::Registry& r)
      : loop(l), registry(r), stats(stats::make_block<stats::DnsCaresStat>(r, "dns.cares.")), timer(l.timers(), *this) {
    ares_library_init(ARES_LIB_INIT_ALL);
    open();
  }
  ~Impl() {
    closing = true;
    if (channel != nullptr) ares_destroy(channel);
    for (auto& [fd, s] : sockets) loop.unwatch(fd, *s);
    ares_library_cleanup();
  }
  void open() {
    ares_options o{};
    o.sock_state_cb = [](void* self, ares_socket_t fd, int read, int write) {
      static_cast<Impl*>(self)->on_socket(fd, read != 0, write != 0);
    };
    o.sock_state_cb_data = this;
    if (ares_init_options(&channel, &o, ARES_OPT_SOCK_STATE_CB) != ARES_SUCCESS) channel = nullptr;
  }
  void on_socket(int fd, bool read, bool write) {
    const auto at = sockets.find(fd);
    if (at != sockets.end()) {
      loop.unwatch(fd, *at->second);
      sockets.erase(at);
    }
    if (!read && !write) return;
    auto s = std::make_unique<Socket>();
    s->fd = fd;
    s->ready = [this](int f, std::uint32_t events) { process(f, events); };
    // Level-triggered: c-ares reads as much as it likes.
    if (loop.watch(fd, *s, (read ? EPOLLIN : 0u) | (write ? EPOLLOUT : 0u))) sockets.emplace(fd, std::move(s));
  }
  void process(int fd, std::uint32_t events) {
    const bool read = (events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0, write = (events & EPOLLOUT) != 0;
    // The socket may be closed within: don't touch it afterwards.
    loop.post([this, fd, read, write, alive = std::weak_ptr<int>(life)] {
      if (alive.expired()) return;
      if (sockets.count(fd) != 0) ares_process_fd(channel, read ? fd : ARES_SOCKET_BAD, write ? fd : ARES_SOCKET_BAD);
      arm();
    });
  }
  void arm() {
    timeval max{5, 0}, tv{};
    timer.cancel();
    if (pending == 0) return;
    const timeval* t = ares_timeout(channel, &max, &tv);
    timer.arm(std::chrono::seconds(t->tv_sec) + Duration(t->tv_usec) + std::chrono::milliseconds(1));
  }
  void on_timer() {
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm();
  }

  event::Loop& loop;
  stats::Registry& registry;
  stats::BlockHandle stats;
  ares_channel channel = nullptr;
  std::map<int, std::unique_ptr<Socket>> sockets;
  std::size_t pending = 0;
  bool closing = false;
  std::shared_ptr<int> life = std::make_shared<int>(0);
  event::Alarm<Impl, &Impl::on_timer> timer;
};

namespace {
struct Query {
  Dns::Done done;
  DnsFamily family;
  std::function<void(int status)> finished;
  event::Loop* loop;
  std::weak_ptr<int> alive;
};

void collect(const ares_addrinfo* info, DnsAnswer& answer) {
  for (const ares_addrinfo_node* n = info->nodes; n != nullptr; n = n->ai_next) {
    auto a = net::Address::from_sockaddr(n->ai_addr, n->ai_addrlen);
    const Duration ttl = std::chrono::seconds(n->ai_ttl);
    if (!answer.ttl || ttl < *answer.ttl) answer.ttl = ttl;
    if (std::find(answer.addresses.begin(), answer.addresses.end(), a) == answer.addresses.end())
      answer.addresses.push_back(std::move(a));
  }
}

void on_answer(void* arg, int status, int, ares_addrinfo* info) {
  std::unique_ptr<Query> q(static_cast<Query*>(arg));
  DnsAnswer answer;
  answer.ok = status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND;
  if (status != ARES_SUCCESS) answer.error = ares_strerror(status);
  if (info != nullptr) {
    collect(info, answer);
    ares_freeaddrinfo(info);
  }
  choose_family(answer.addresses, q->family);
  if (q->alive.expired() || status == ARES_EDESTRUCTION) return;
  q->finished(status);
  auto* loop = q->loop;
  loop->post([q = std::shared_ptr<Query>(std::move(q)), answer = std::move(answer)] {
    if (!q->alive.expired()) q->done(answer);
  });
}
}  // namespace

Dns::Dns(event::Loop& loop, stats::Registry& registry) : impl_(std::make_unique<Impl>(loop, registry)) {}
Dns::~Dns() = default;

void Dns::resolve(const std::string& name, DnsFamily family, Done done) {
  auto& i = *impl_;
  auto& cells = i.registry.main();
  cells.add(i.stats, DnsCaresStat::resolve_total);
  cells.inc(i.stats, DnsCaresStat::pending_resolutions);
  ++i.pending;
  auto finished = [&i](int status) {
    --i.pending;
    auto& c = i.registry.main();
    c.dec(i.stats, DnsCaresStat::pending_resolutions);
    if (status == ARES_ENOTFOUND || status == ARES_ENODATA)
      c.add(i.stats, DnsCaresStat::not_found);
    else if (status == ARES_ETIMEOUT)
      c.add(i.stats, DnsCaresStat::timeouts);
    else if (status != ARES_SUCCESS)
      c.add(i.stats, DnsCaresStat::get_addr_failure);
  };
  auto q = std::make_unique<Query>(Query{std::move(done), family, finished, &i.loop, i.life});
  ares_addrinfo_hints hints{};
  hints.ai_family = family_of(family);
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_NOSORT;
  if (i.channel == nullptr) return on_answer(q.release(), ARES_ENOTINITIALIZED, 0, nullptr);
  ares_getaddrinfo(i.channel, name.c_str(), nullptr, &hints, on_answer, q.release());
  i.arm();
}

}  // namespace outrigger::upstream
