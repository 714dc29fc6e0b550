#include "lb/top/controls.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace weir {
namespace {

constexpr std::size_t kPage = 10;
constexpr std::size_t kLongestFilter = 64;  // bytes

bool contains(std::string_view text, std::string_view wanted) {
    const auto same = [](unsigned char a, unsigned char b) {
        return std::tolower(a) == std::tolower(b);
    };
    return std::search(text.begin(), text.end(), wanted.begin(), wanted.end(), same) != text.end();
}

bool matches(const TopService &service, std::string_view filter) {
    return contains(service.name, filter) || contains(service.vip, filter) ||
           contains(service.protocol, filter);
}

bool matches(const TopBackend &backend, std::string_view filter) {
    return contains(backend.service, filter) || contains(backend.name, filter) ||
           contains(backend.state, filter) || contains(backend.health, filter);
}

const std::string &name_of(const TopServiceRow &row) {
    return row.service.name;
}

const std::string &name_of(const TopBackendRow &row) {
    return row.backend.name;
}

double flows_of(const TopServiceRow &row) {
    return static_cast<double>(row.flows);
}

double flows_of(const TopBackendRow &row) {
    return static_cast<double>(row.backend.flows);
}

// What is not known comes after everything.
template <typename Row>
double number_of(const Row &row, TopSort sort) {
    if (sort == TopSort::flows)
        return flows_of(row);
    if (!row.rates)
        return -1;
    switch (sort) {
        case TopSort::new_flows:
            return row.rates->new_flows;
        case TopSort::packets_in:
            return row.rates->packets_in;
        case TopSort::packets_out:
            return row.rates->packets_out;
        case TopSort::bits_in:
            return row.rates->bits_in;
        default:
            return row.rates->bits_out;
    }
}

template <typename Row>
void sort_rows(std::vector<const Row *> &rows, TopSort sort, bool reversed) {
    const auto before = [&](const Row *a, const Row *b) {
        return sort == TopSort::name ? name_of(*a) < name_of(*b)
                                     : number_of(*a, sort) > number_of(*b, sort);
    };
    if (sort == TopSort::order) {
        if (reversed)
            std::reverse(rows.begin(), rows.end());
    } else if (reversed) {
        std::stable_sort(rows.begin(), rows.end(),
                         [&](const Row *a, const Row *b) { return before(b, a); });
    } else {
        std::stable_sort(rows.begin(), rows.end(), before);
    }
}

std::size_t moved(std::size_t from, TopKey::Kind kind, std::size_t count) {
    const std::size_t last = count == 0 ? 0 : count - 1;
    switch (kind) {
        case TopKey::Kind::up:
            return from == 0 ? 0 : from - 1;
        case TopKey::Kind::down:
            return std::min(from + 1, last);
        case TopKey::Kind::page_up:
            return from - std::min(from, kPage);
        case TopKey::Kind::page_down:
            return std::min(from + kPage, last);
        case TopKey::Kind::home:
            return 0;
        default:
            return last;
    }
}

}  // namespace

std::string_view to_string(TopSort sort) {
    switch (sort) {
        case TopSort::order:
            return "configuration";
        case TopSort::name:
            return "name";
        case TopSort::flows:
            return "flows";
        case TopSort::new_flows:
            return "new flows/s";
        case TopSort::packets_in:
            return "packets/s in";
        case TopSort::packets_out:
            return "packets/s out";
        case TopSort::bits_in:
            return "bit/s in";
        case TopSort::bits_out:
            break;
    }
    return "bit/s out";
}

void TopControls::press(const TopKey &key, const TopView &view) {
    if (editing_)
        return edit(key);
    const bool toggles = key.kind == TopKey::Kind::enter || key.kind == TopKey::Kind::right;
    if (key.kind == TopKey::Kind::text)
        choose(key.text);
    else if (key.kind == TopKey::Kind::escape)
        help_ = false;
    else if (toggles)
        show_backends(TopBackends::selected);
    else if (key.kind != TopKey::Kind::erase)
        move(key, view);
}

void TopControls::edit(const TopKey &key) {
    if (key.kind == TopKey::Kind::text && filter_.size() < kLongestFilter)
        filter_ += key.text;
    if (key.kind == TopKey::Kind::escape)
        filter_.clear();
    if (key.kind == TopKey::Kind::enter || key.kind == TopKey::Kind::escape)
        editing_ = false;
    if (key.kind == TopKey::Kind::erase) {
        // all bytes of one character of UTF-8
        while (!filter_.empty() && (static_cast<unsigned char>(filter_.back()) & 0xc0U) == 0x80U)
            filter_.pop_back();
        if (!filter_.empty())
            filter_.pop_back();
    }
    skipped_ = 0;
}

void TopControls::choose(const std::string &text) {
    const auto at = static_cast<std::size_t>(sort_);
    const char key = text.size() == 1 ? text.front() : '\0';
    if (key == 'q')
        quit_ = true;
    else if (key == '?' || key == 'h')
        help_ = !help_;
    else if (key == 'p')
        paused_ = !paused_;
    else if (key == 's')
        sort_ = kTopSorts.at((at + 1) % kTopSorts.size());
    else if (key == 'r')
        reversed_ = !reversed_;
    else if (key == 'a')
        show_backends(TopBackends::all);
    else if (key == '/')
        editing_ = true;
    else if (key >= '1' && static_cast<std::size_t>(key - '1') < kTopSorts.size())
        sort_ = kTopSorts.at(static_cast<std::size_t>(key - '1'));
}

void TopControls::show_backends(TopBackends which) {
    backends_ = backends_ == which ? TopBackends::none : which;
    skipped_ = 0;
}

// Up and down select a service; pages scroll the backends where all of them are shown.
void TopControls::move(const TopKey &key, const TopView &view) {
    const bool one = key.kind == TopKey::Kind::up || key.kind == TopKey::Kind::down;
    if (backends_ != TopBackends::none && !one) {
        skipped_ = moved(skipped_, key.kind, backends(view).size());
        return;
    }
    const auto rows = services(view);
    if (rows.empty())
        return;
    selected_ = rows.at(moved(selected(rows), key.kind, rows.size()))->service.name;
    if (backends_ == TopBackends::selected)
        skipped_ = 0;
}

std::vector<const TopServiceRow *> TopControls::services(const TopView &view) const {
    std::set<std::string_view> of_backends;
    for (const TopBackendRow &row : view.backends)
        if (matches(row.backend, filter_))
            of_backends.insert(row.backend.service);
    std::vector<const TopServiceRow *> rows;
    for (const TopServiceRow &row : view.services)
        if (matches(row.service, filter_) || of_backends.count(row.service.name) != 0)
            rows.push_back(&row);
    sort_rows(rows, sort_, reversed_);
    return rows;
}

std::size_t TopControls::selected(const std::vector<const TopServiceRow *> &services) const {
    const auto found = std::find_if(services.begin(), services.end(), [&](const auto *row) {
        return row->service.name == selected_;
    });
    return found == services.end() ? 0 : static_cast<std::size_t>(found - services.begin());
}

std::vector<const TopBackendRow *> TopControls::backends(const TopView &view) const {
    std::vector<const TopBackendRow *> rows;
    if (backends_ == TopBackends::none)
        return rows;
    const auto of_services = services(view);
    if (of_services.empty())
        return rows;
    const auto &one = of_services.at(selected(of_services))->service;
    std::set<std::string_view> whole;  // services that the filter means by themselves
    for (const auto *row : of_services)
        if (matches(row->service, filter_))
            whole.insert(row->service.name);
    for (const TopBackendRow &row : view.backends) {
        const bool wanted = backends_ == TopBackends::all || row.backend.service == one.name;
        if (wanted && (matches(row.backend, filter_) || whole.count(row.backend.service) != 0))
            rows.push_back(&row);
    }
    sort_rows(rows, sort_, reversed_);
    return rows;
}

}  // namespace weir
