// What a NAT must do, said the plain way: the judge over the data path in property_test.cpp.
#pragma once

#include <map>
#include <set>

#include "lb/config/config.h"
#include "tests/support/frame.h"

namespace weir::test {

struct Tuple {
    Endpoint source;
    Endpoint destination;
    Protocol protocol;
    auto operator<=>(const Tuple &) const = default;
};

inline Tuple tuple_of(const Segment &segment) {
    return {segment.source, segment.destination, segment.protocol};
}
inline Tuple answer_to(const Tuple &tuple) {
    return {tuple.destination, tuple.source, tuple.protocol};
}

// What a DNAT must do, said the plain way. It learns which backend a new flow got, and from then on
// knows every packet of that flow to the byte.
class Model {
  public:
    explicit Model(const Config &config) : config_(config) {}

    struct Entry {
        Tuple to;
        bool reply = false;
    };

    const Entry *find(const Tuple &tuple) const {
        const auto found = entries_.find(tuple);
        return found == entries_.end() ? nullptr : &found->second;
    }

    const ServiceConfig *service_of(const Tuple &tuple) const {
        for (const ServiceConfig &service : config_.services)
            if (service.vip == tuple.destination && service.protocol == tuple.protocol)
                return &service;
        return nullptr;
    }

    // The reply tuple of a flow that went to `backend`.
    static Tuple reply_tuple(const Tuple &tuple, const Endpoint &backend) {
        return {backend, tuple.source, tuple.protocol};
    }

    void open(const Tuple &tuple, const Endpoint &backend) {
        const Tuple reply = reply_tuple(tuple, backend);
        entries_[tuple] = {{tuple.source, backend, tuple.protocol}, false};
        entries_[reply] = {answer_to(tuple), true};
    }

    void close(const Tuple &tuple) {
        const Entry *entry = find(tuple);
        if (entry == nullptr)
            return;
        closing_.insert(tuple);
        closing_.insert(answer_to(entry->to));
    }

    bool is_closing(const Tuple &tuple) const { return closing_.count(tuple) != 0; }

    void forget(const Tuple &tuple) {
        const Tuple answer = answer_to(find(tuple)->to);
        for (const Tuple &one : {tuple, answer}) {
            entries_.erase(one);
            closing_.erase(one);
        }
    }

    const std::map<Tuple, Entry> &entries() const { return entries_; }

  private:
    const Config &config_;
    std::map<Tuple, Entry> entries_;
    std::set<Tuple> closing_;
};

}  // namespace weir::test
