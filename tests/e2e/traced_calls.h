// Calls of the socket API that a Caller makes. What fails throws.
#pragma once

#include <array>

#include "lb/dataplane/fd.h"

namespace weir::test {

Fd new_socket(int domain, int type);
// A Unix socket with a name that the kernel chose; `backlog` as listen() has it, -1: not at all.
Fd named_socket(int backlog);
// As connect() does.
int connect_to(const Fd &client, const Fd &server);
// Of datagrams.
std::array<Fd, 2> new_pair();

// So many of send() and recv().
void send_and_receive(int times);
// So many of sendmsg() and recvmsg(), and of sendmmsg() and recvmmsg().
void send_and_receive_messages(int single, int multiple);
// Of each of two socket(), and of bind(), listen(), connect() and accept().
void connect_and_accept(int times);

}  // namespace weir::test
