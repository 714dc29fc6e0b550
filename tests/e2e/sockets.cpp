#include "tests/e2e/sockets.h"

#include <sstream>

namespace weir::test {

namespace {

constexpr int kForever = 100000;  // rounds

std::vector<std::string> client(const std::string &kind, const std::string &to, int rounds,
                                int pause) {
    return {WEIR_SOCKET_CLIENT, kind, to, std::to_string(rounds), std::to_string(pause)};
}

// What follows KEY= up to a blank; an error is the rest of the line.
std::string value_of_key(const std::string &line, const std::string &key) {
    const auto at = line.find(key + "=");
    if (at == std::string::npos)
        return "";
    const auto begin = at + key.size() + 1;
    return line.substr(begin, key == "error" ? std::string::npos : line.find(' ', begin) - begin);
}

}  // namespace

Exchange parse_exchange(const std::string &line) {
    Exchange seen;
    seen.error = value_of_key(line, "error");
    seen.from = value_of_key(line, "from");
    seen.peer = value_of_key(line, "peer");
    if (!seen.error.empty())
        return seen;
    std::istringstream words(line);
    std::string number, from, peer;
    words >> number >> from >> peer >> seen.server >> seen.client >> seen.text;
    return seen;
}

std::vector<Exchange> parse_exchanges(const std::string &lines) {
    std::vector<Exchange> all;
    std::istringstream stream(lines);
    for (std::string line; std::getline(stream, line) && !stream.eof();)
        all.push_back(parse_exchange(line));
    return all;
}

void SocketsTest::SetUp() {
    WeirTest::SetUp();
    if (IsSkipped())
        return;
    if (const auto why = why_no_cgroups(); !why.empty())
        GTEST_SKIP() << why;
    cgroup_ = std::make_unique<TestCgroup>();
    for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
        one_.push_back(std::make_unique<EchoServer>(world().one, protocol, world().at_one, "one"));
        two_.push_back(std::make_unique<EchoServer>(world().two, protocol, world().at_two, "two"));
    }
}

void SocketsTest::TearDown() {
    if (daemon_ && daemon_->running())
        end_daemon(SIGTERM);
    WeirTest::TearDown();
    cgroup_.reset();
}

Settings SocketsTest::settings(const std::string &more) const {
    Settings wanted;
    wanted.family = GetParam();
    wanted.hook = "tc";
    wanted.more = "sockets: {cgroup: " + cgroup_->name() + more + "}\n";
    return wanted;
}

void SocketsTest::run_weir(const Settings &settings) {
    config_ = write_config(settings.text());
    daemon_ = start(config_);
}

void SocketsTest::reload(const Settings &settings) {
    write_config(settings.text());
    command({"reload"});
}

void SocketsTest::command(const std::vector<std::string> &arguments) {
    const auto done = weir(arguments);
    EXPECT_EQ(done.status, 0) << done.err;
}

void SocketsTest::end_daemon(int signal) {
    daemon_->kill(signal);
    daemon_->wait();
}

void SocketsTest::start_daemon(const std::string &binary) {
    daemon_ = start(config_, binary);
}

std::vector<Exchange> SocketsTest::ask(const std::string &kind, const std::string &to, int rounds,
                                       const ProcessOptions &options) {
    const auto done = run(client(kind, to, rounds, 0), options);
    EXPECT_EQ(done.status, 0) << done.err;
    auto all = parse_exchanges(done.out);
    EXPECT_EQ(all.size(), static_cast<std::size_t>(rounds)) << done.out;
    return all;
}

std::unique_ptr<Process> SocketsTest::keep_asking(const std::string &kind, const Endpoint &to,
                                                  const ProcessOptions &options) {
    constexpr int kPause = 50;  // ms
    auto program =
        std::make_unique<Process>(client(kind, to.to_string(), kForever, kPause), options);
    EXPECT_FALSE(next(*program, 1).empty());
    return program;
}

std::vector<Exchange> SocketsTest::next(const Process &program, std::size_t more) {
    const auto before = parse_exchanges(program.out()).size();
    std::vector<Exchange> all;
    EXPECT_TRUE(eventually([&] {
        all = parse_exchanges(program.out());
        return all.size() >= before + more;
    })) << program.out();
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(before, all.size())));
    return all;
}

double SocketsTest::packets() {
    double sum = 0;
    for (const auto *service : {"web", "dns", "local"})
        for (const auto *direction : {"forward", "reply"})
            sum += metric("weir_service_packets_total{service=\"" + std::string(service) +
                          "\",direction=\"" + direction + "\"}");
    return sum;
}

double SocketsTest::connections(const std::string &service, const Endpoint &backend) {
    return metric("weir_socket_connections{service=\"" + service + "\",backend=\"" +
                  backend.to_string() + "\"}");
}

}  // namespace weir::test
