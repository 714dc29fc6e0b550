// What the results of one backend's checks add up to. Pure: time is an argument.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace weir {

// The end of one check.
struct CheckOutcome {
    // not_made: the checker itself could not ask (out of descriptors or local ports, no privilege,
    // a ca_file or program that is not there). It says nothing about the backend.
    enum class Kind { passed, failed, not_made };

    Kind kind = Kind::passed;
    std::string reason;  // one line; empty when it passed

    static CheckOutcome passed() { return {}; }
    static CheckOutcome failed(std::string reason) { return {Kind::failed, std::move(reason)}; }
    static CheckOutcome not_made(std::string reason) { return {Kind::not_made, std::move(reason)}; }
};

// What is known of a backend from its checks.
struct CheckStatus {
    std::optional<bool> up;           // none: no check has ended yet
    std::optional<bool> last_passed;  // the last check; none: no check has ended yet
    std::string reason;               // why the last check failed; empty when it passed
    std::string trouble;              // why the last check could not be made; empty when it could
    std::chrono::microseconds duration{0};         // of the last check
    std::chrono::system_clock::time_point time{};  // when it ended
    std::uint32_t successes = 0;                   // in a row
    std::uint32_t failures = 0;                    // in a row
};

class Judgement {
  public:
    Judgement(std::uint32_t rise, std::uint32_t fall) : rise_(rise), fall_(fall) {}

    const CheckStatus &status() const { return status_; }

    // Counts one check. True when the backend turned: the first result decides at once, after it
    // `rise` successes or `fall` failures in a row do.
    bool count(const CheckOutcome &outcome, std::chrono::microseconds duration,
               std::chrono::system_clock::time_point now);

    // The checks ask something else from now on: the state stays until they say otherwise.
    void change(std::uint32_t rise, std::uint32_t fall);

  private:
    std::uint32_t rise_;
    std::uint32_t fall_;
    CheckStatus status_;
};

}  // namespace weir
