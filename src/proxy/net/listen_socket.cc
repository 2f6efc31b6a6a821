#include "proxy/net/listen_socket.h"

#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace outrigger::net {

namespace {
Error io_error(const char* what, const Address& at) {
  return {Errc::io, std::string("cannot ") + what + " '" + at.text() + "': " + std::strerror(errno)};
}
bool turn_on(int fd, int level, int name) {
  const int one = 1;
  return ::setsockopt(fd, level, name, &one, sizeof one) == 0;
}
}  // namespace

Result<std::unique_ptr<ListenSocket>> ListenSocket::open(const Address& at, const ListenOptions& o) {
  const int protocol = o.mptcp && at.is_ip() ? IPPROTO_MPTCP : 0;
  const int fd = ::socket(at.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  if (fd < 0) return io_error("create a socket for", at);
  std::unique_ptr<ListenSocket> s(new ListenSocket(fd, at, false));
  const bool file = at.family() == AF_UNIX && at.text().front() != '@';
  if (file) ::unlink(at.text().c_str());
  turn_on(fd, SOL_SOCKET, SO_REUSEADDR);
  if (o.reuse_port && at.is_ip()) turn_on(fd, SOL_SOCKET, SO_REUSEPORT);
  if (at.family() == AF_INET6) {
    const int only = o.ipv4_compat ? 0 : 1;
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
  }
  if (o.transparent && at.is_ip() && !turn_on(fd, SOL_IP, IP_TRANSPARENT)) {
    const bool forbidden = errno == EPERM;
    Error e = io_error("make transparent", at);
    if (forbidden) e.detail += " (it needs CAP_NET_ADMIN or CAP_NET_RAW)";
    return e;
  }
  if (o.freebind && at.is_ip() && !turn_on(fd, SOL_IP, IP_FREEBIND)) return io_error("set IP_FREEBIND on", at);
  if (o.keepalive && at.is_ip()) set_keepalive(fd, *o.keepalive);
  const auto set = [&](RawOption::Moment moment) { return set_options(fd, at.family(), o.options, moment); };
  if (!set(RawOption::Moment::before_bind)) return io_error("set a socket option on", at);
  const auto raw = at.raw();
  if (::bind(fd, raw.get(), raw.size()) != 0) return io_error("bind", at);
  if (!set(RawOption::Moment::after_bind)) return io_error("set a socket option on", at);
  if (file) {
    s->unlink_ = true;
    if (o.pipe_mode != 0) ::chmod(at.text().c_str(), o.pipe_mode);
  }
  if (::listen(fd, o.backlog > 0 ? o.backlog : SOMAXCONN) != 0) return io_error("listen on", at);
  if (o.fast_open_queue && at.is_ip()) {
    const int queue = static_cast<int>(std::min<std::uint32_t>(*o.fast_open_queue, INT_MAX));
    if (::setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof queue) != 0) return io_error("turn on TCP Fast Open on", at);
  }
  if (!set(RawOption::Moment::listening)) return io_error("set a socket option on", at);
  sockaddr_storage sa;
  socklen_t n = sizeof sa;
  if (at.is_ip() && ::getsockname(fd, reinterpret_cast<sockaddr*>(&sa), &n) == 0)
    s->local_ = Address::from_sockaddr(reinterpret_cast<sockaddr*>(&sa), n);
  return s;
}

ListenSocket::~ListenSocket() {
  if (unlink_) ::unlink(local_.text().c_str());
  ::close(fd_);
}

Acceptor::Acceptor(event::Loop& loop, std::shared_ptr<ListenSocket> socket, AcceptEvents& events, unsigned turn_max)
    : loop_(loop), socket_(std::move(socket)), events_(events), turn_max_(turn_max), pause_(loop.timers(), *this) {
  loop_.watch(socket_->fd(), *this, EPOLLIN);
}

void Acceptor::stop() noexcept {
  if (!active_) return;
  active_ = false;
  pause_.cancel();
  loop_.unwatch(socket_->fd(), *this);
  socket_.reset();
}

void Acceptor::hold(bool on) noexcept {
  if (!active_ || std::exchange(held_, on) == on) return;
  if (pause_.armed()) return;  // resume() knows
  if (on)
    loop_.unwatch(socket_->fd(), *this);
  else
    loop_.watch(socket_->fd(), *this, EPOLLIN);
}

void Acceptor::resume() {
  if (!held_) loop_.watch(socket_->fd(), *this, EPOLLIN);
}

void Acceptor::on_events(std::uint32_t) {
  const unsigned taken = accept_some();
  if (taken > 0) events_.on_accept_turn(taken);
}

unsigned Acceptor::accept_some() {
  unsigned taken = 0;
  for (unsigned i = 0; i < turn_max_ && active_; ++i) {
    sockaddr_storage sa;
    socklen_t n = sizeof sa;
    const int fd = ::accept4(socket_->fd(), reinterpret_cast<sockaddr*>(&sa), &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        loop_.unwatch(socket_->fd(), *this);
        pause_.arm(std::chrono::milliseconds(100));
        events_.on_accept_paused();
      }
      break;
    }
    ++taken;
    Address remote = Address::from_sockaddr(reinterpret_cast<sockaddr*>(&sa), n);
    Address local = socket_->local();
    if (remote.is_ip()) {
      turn_on(fd, IPPROTO_TCP, TCP_NODELAY);
      sockaddr_storage mine;
      n = sizeof mine;
      if (::getsockname(fd, reinterpret_cast<sockaddr*>(&mine), &n) == 0)
        local = Address::from_sockaddr(reinterpret_cast<sockaddr*>(&mine), n);
    }
    // A peer on a Unix socket has no name: Envoy gives it the listener's.
    if (remote.family() == AF_UNIX && remote.text().empty()) remote = local;
    events_.on_accept({fd, std::move(local), std::move(remote)});
  }
  return taken;
}

}  // namespace outrigger::net
