#include "proxy/event/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace outrigger::event {

Signals::Signals(Loop& loop, std::function<void(int)> told) : loop_(loop), told_(std::move(told)) {
  sigset_t set;
  sigemptyset(&set);
  for (const int s : {SIGTERM, SIGINT, SIGUSR1, SIGHUP}) sigaddset(&set, s);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  fd_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd_ >= 0) loop_.watch(fd_, *this, EPOLLIN);
}

Signals::~Signals() {
  if (fd_ < 0) return;
  loop_.unwatch(fd_, *this);
  ::close(fd_);
}

void Signals::on_events(std::uint32_t) {
  signalfd_siginfo info;
  while (::read(fd_, &info, sizeof info) == sizeof info) told_(static_cast<int>(info.ssi_signo));
}

}  // namespace outrigger::event
