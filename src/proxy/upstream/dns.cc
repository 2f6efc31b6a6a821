#include "proxy/upstream/dns.h"

#include <ares.h>
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <sys/time.h>
#include <algorithm>
#include <map>

namespace outrigger::upstream {

using stats::DnsCaresStat;

namespace {

struct Socket final : event::Pollable {
  int fd = -1;
  std::function<void(int, std::uint32_t)> ready;
  void on_events(std::uint32_t events) override { ready(fd, events); }
};

/// What is asked for; when nothing comes of the first, the second. 0: no second.
struct Families {
  int first = AF_UNSPEC, second = 0;
};
Families families_of(DnsFamily f) {
  switch (f) {
    case DnsFamily::v4_only: return {AF_INET, 0};
    case DnsFamily::v6_only: return {AF_INET6, 0};
    case DnsFamily::automatic: return {AF_INET6, AF_INET};
    case DnsFamily::v4_preferred: return {AF_INET, AF_INET6};
    case DnsFamily::all: break;
  }
  return {};
}

/// AF_UNSPEC as far as this machine has addresses that are not loopback; none: no family is left.
std::optional<int> routable(int family) {
  bool v4 = false, v6 = false;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return family;
  for (const ifaddrs* i = all; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6)) continue;
    const bool is_v4 = i->ifa_addr->sa_family == AF_INET;
    if (!net::Address::from_sockaddr(i->ifa_addr, is_v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)).is_loopback())
      (is_v4 ? v4 : v6) = true;
  }
  ::freeifaddrs(all);
  if (family == AF_INET) return v4 ? std::optional(family) : std::nullopt;
  if (family == AF_INET6) return v6 ? std::optional(family) : std::nullopt;
  if (v4 && v6) return family;
  return v4 ? std::optional<int>(AF_INET) : v6 ? std::optional<int>(AF_INET6) : std::nullopt;
}

/// c-ares found no server in resolv.conf: it has put 127.0.0.1 there.
bool has_own_server_only(ares_channel channel) {
  ares_addr_port_node* servers = nullptr;
  if (ares_get_servers_ports(channel, &servers) != ARES_SUCCESS) return true;
  const bool only = servers == nullptr || (servers->next == nullptr && servers->family == AF_INET &&
                                           servers->addr.addr4.s_addr == htonl(INADDR_LOOPBACK) && servers->udp_port == 0);
  if (servers != nullptr) ares_free_data(servers);
  return only;
}

void use_servers(ares_channel channel, const DnsOptions& o) {
  if (o.servers.empty() || (o.servers_are_fallback && !has_own_server_only(channel))) return;
  std::string list;
  for (const auto& s : o.servers) list += (list.empty() ? "" : ",") + (s.port() == 0 ? s.with_port(53) : s).text();
  ares_set_servers_ports_csv(channel, list.c_str());
}

}  // namespace

struct Dns::Impl {
  Impl(event::Loop& l, stats::Registry& r, stats::BlockHandle b, const DnsOptions& o)
      : loop(l), registry(r), stats(b), options(o), timer(l.timers(), *this) {
    ares_library_init(ARES_LIB_INIT_ALL);
    open();
  }
  ~Impl() {
    if (channel != nullptr) ares_destroy(channel);
    for (auto& [fd, s] : sockets) loop.unwatch(fd, *s);
    ares_library_cleanup();
  }
  void open() {
    ares_options o{};
    int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;
    o.sock_state_cb = [](void* self, ares_socket_t fd, int read, int write) {
      static_cast<Impl*>(self)->on_socket(fd, read != 0, write != 0);
    };
    o.sock_state_cb_data = this;
    o.timeout = static_cast<int>(std::min<std::uint32_t>(options.timeout_s, INT32_MAX / 1000) * 1000);
    o.tries = static_cast<int>(std::min<std::uint32_t>(options.tries, INT32_MAX));
    if (options.over_tcp) o.flags |= ARES_FLAG_USEVC;
    if (options.no_search) o.flags |= ARES_FLAG_NOSEARCH;
    if (options.edns_bytes != 0) {
      o.flags |= ARES_FLAG_EDNS;
      o.ednspsz = static_cast<int>(options.edns_bytes);
      mask |= ARES_OPT_EDNSPSZ;
    }
    if (options.rotate) mask |= ARES_OPT_ROTATE;
    if (ares_init_options(&channel, &o, mask) != ARES_SUCCESS)
      channel = nullptr;
    else
      use_servers(channel, options);
  }
  /// Sockets that have had their number of queries make room for new ones, as soon as nobody waits for an answer.
  void renew_sockets() {
    if (pending > 0 || options.queries_per_socket_max == 0 || asked < options.queries_per_socket_max) return;
    asked = 0;
    if (channel != nullptr) ares_destroy(std::exchange(channel, nullptr));
    open();
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
  void finished(int status) {
    --pending;
    auto& c = registry.main();
    c.dec(stats, DnsCaresStat::pending_resolutions);
    if (status == ARES_ENOTFOUND || status == ARES_ENODATA)
      c.add(stats, DnsCaresStat::not_found);
    else if (status == ARES_ETIMEOUT)
      c.add(stats, DnsCaresStat::timeouts);
    else if (status != ARES_SUCCESS)
      c.add(stats, DnsCaresStat::get_addr_failure);
  }

  event::Loop& loop;
  stats::Registry& registry;
  stats::BlockHandle stats;
  DnsOptions options;
  ares_channel channel = nullptr;
  std::map<int, std::unique_ptr<Socket>> sockets;
  std::size_t pending = 0;
  std::uint64_t asked = 0;  // queries since the channel was opened
  std::shared_ptr<int> life = std::make_shared<int>(0);
  event::Alarm<Impl, &Impl::on_timer> timer;
};

struct Dns::Query {
  Impl& dns;
  std::string name;
  Families families;
  Done done;
  std::weak_ptr<int> alive;

  static void ask(std::unique_ptr<Query> q);
  static void on_answer(void* arg, int status, int, ares_addrinfo* info);
  static void answered(std::unique_ptr<Query> q, int status, DnsAnswer answer);
};

namespace {
void collect(const ares_addrinfo* info, DnsAnswer& answer) {
  for (const ares_addrinfo_node* n = info->nodes; n != nullptr; n = n->ai_next) {
    auto a = net::Address::from_sockaddr(n->ai_addr, n->ai_addrlen);
    const Duration ttl = std::chrono::seconds(n->ai_ttl);
    if (!answer.ttl || ttl < *answer.ttl) answer.ttl = ttl;
    if (std::find(answer.addresses.begin(), answer.addresses.end(), a) == answer.addresses.end())
      answer.addresses.push_back(std::move(a));
  }
}

/// Before anybody is asked: ARES_SUCCESS, or what comes of a name that is none. (As in Envoy's c-ares; ours would ask.)
int check_name(std::string_view name, int family) noexcept {
  if (name.empty() || name == ".") return ARES_ENODATA;  // the root has no addresses
  if (const auto ip = net::Address::parse_ip(name, 0)) {
    if (family == AF_UNSPEC || (family == AF_INET) == ip->is_v4()) return ARES_SUCCESS;
    return ip->is_v4() ? ARES_ENOTFOUND : ARES_EBADNAME;
  }
  constexpr std::size_t kNameMax = 253, kLabelMax = 63;
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.size() > kNameMax) return ARES_EBADNAME;
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.' && label == 0) return ARES_EBADNAME;
    label = c == '.' ? 0 : label + 1;
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if ((!alnum && std::string_view("-._/*").find(c) == std::string_view::npos) || label > kLabelMax)
      return ARES_EBADNAME;
  }
  return label > 0 ? ARES_SUCCESS : ARES_EBADNAME;
}

bool is_localhost(std::string_view name) noexcept { return name == "localhost" || name.ends_with(".localhost"); }

/// From the hosts file, else the loopback address, as c-ares does it (RFC 6761 section 6.3); c-ares 1.18 loses some
/// memory each time when the file has the name in another family only.
DnsAnswer local_addresses(ares_channel channel, const std::string& name, int family) {
  DnsAnswer answer;
  answer.ttl = Duration{0};
  for (const int f : {AF_INET6, AF_INET}) {
    hostent* found = nullptr;
    if ((family != AF_UNSPEC && family != f) || ares_gethostbyname_file(channel, name.c_str(), f, &found) != ARES_SUCCESS)
      continue;
    for (char** a = found->h_addr_list; *a != nullptr; ++a) {
      char text[INET6_ADDRSTRLEN];
      if (auto ip = net::Address::parse_ip(ares_inet_ntop(f, *a, text, sizeof text), 0))
        answer.addresses.push_back(std::move(*ip));
    }
    ares_free_hostent(found);
  }
  if (!answer.addresses.empty()) return answer;
  for (const char* ip : {"::1", "127.0.0.1"})
    if (family == AF_UNSPEC || (family == AF_INET6) == (ip[0] == ':'))
      answer.addresses.push_back(net::Address::parse_ip(ip, 0).value());
  return answer;
}
}  // namespace

void Dns::Query::ask(std::unique_ptr<Query> q) {
  Impl& i = q->dns;
  ares_addrinfo_hints hints{};
  hints.ai_family = q->families.first;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_NOSORT;
  if (i.channel == nullptr) return on_answer(q.release(), ARES_ENOTINITIALIZED, 0, nullptr);
  if (i.options.filter_families) {
    const auto family = routable(hints.ai_family);
    if (!family) return on_answer(q.release(), ARES_EBADFAMILY, 0, nullptr);
    hints.ai_family = *family;
  }
  const std::string name = q->name;
  if (is_localhost(name)) return answered(std::move(q), ARES_SUCCESS, local_addresses(i.channel, name, hints.ai_family));
  if (const int wrong = check_name(name, hints.ai_family); wrong != ARES_SUCCESS)
    return on_answer(q.release(), wrong, 0, nullptr);
  i.asked += hints.ai_family == AF_UNSPEC ? 2 : 1;
  ares_getaddrinfo(i.channel, name.c_str(), nullptr, &hints, on_answer, q.release());
  i.arm();
}

void Dns::Query::on_answer(void* arg, int status, int, ares_addrinfo* info) {
  std::unique_ptr<Query> q(static_cast<Query*>(arg));
  DnsAnswer answer;
  if (info != nullptr) {
    collect(info, answer);
    ares_freeaddrinfo(info);
  }
  answered(std::move(q), status, std::move(answer));
}

void Dns::Query::answered(std::unique_ptr<Query> q, int status, DnsAnswer answer) {
  answer.ok = status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND;
  if (status != ARES_SUCCESS) answer.error = ares_strerror(status);
  if (q->alive.expired() || status == ARES_EDESTRUCTION) return;
  Impl& i = q->dns;
  const auto later = [&i](std::function<void()> f) {  // not within c-ares, nor within resolve()
    i.loop.post([f = std::move(f), alive = std::weak_ptr<int>(i.life)] {
      if (!alive.expired()) f();
    });
  };
  const auto shared = std::make_shared<std::unique_ptr<Query>>(std::move(q));
  if (answer.addresses.empty() && (*shared)->families.second != 0)
    return later([shared] {
      (*shared)->families = {std::exchange((*shared)->families.second, 0), 0};
      ask(std::move(*shared));
    });
  i.finished(status);
  later([shared, answer = std::move(answer)] { (*shared)->done(answer); });
}

Dns::Dns(event::Loop& loop, stats::Registry& registry, stats::BlockHandle stats, const DnsOptions& options)
    : impl_(std::make_unique<Impl>(loop, registry, stats, options)) {}
Dns::~Dns() = default;

const DnsOptions& Dns::options() const noexcept { return impl_->options; }

void Dns::resolve(const std::string& name, DnsFamily family, Done done) {
  auto& i = *impl_;
  auto& cells = i.registry.main();
  cells.add(i.stats, DnsCaresStat::resolve_total);
  cells.inc(i.stats, DnsCaresStat::pending_resolutions);
  i.renew_sockets();
  ++i.pending;
  Query::ask(std::unique_ptr<Query>(new Query{i, name, families_of(family), std::move(done), i.life}));
}

}  // namespace outrigger::upstream
